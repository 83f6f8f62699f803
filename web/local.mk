# SPDX-License-Identifier: Apache-2.0
webdir = $(pkgdatadir)/web
dist_web_DATA = web/index.html web/status.css web/status.js
