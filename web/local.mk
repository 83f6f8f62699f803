# SPDX-License-Identifier: Apache-2.0
# What the controller serves: the dashboard when it was built (web/dist, by web/build.mjs), and
# otherwise the plain status page. A release tarball holds the built dashboard and its sources.
webdir = $(pkgdatadir)/web
PLAIN_PAGE = web/plain/index.html web/plain/status.css web/plain/status.js
DASHBOARD = web/dist/index.html web/dist/icon.svg web/dist/app.js web/dist/app.css web/dist/world.json \
	web/dist/LICENSES.txt
# Not dist_web_DATA: automake would want the dashboard in a tarball even where it cannot be built.
EXTRA_DIST += $(PLAIN_PAGE)
if HAVE_DASHBOARD
web_DATA = $(DASHBOARD)
EXTRA_DIST += $(DASHBOARD)
else
web_DATA = $(PLAIN_PAGE)
endif
EXTRA_DIST += web/package.json web/package-lock.json web/.npmrc web/build.mjs web/tsconfig.json web/src
SCRIPT_TESTS += t/web/pure.t t/web/browser.t
EXTRA_DIST += t/web/pure.test.ts t/web/browser.mjs
EXTRA_DIST += t/web/pictures t/web/pictures.mjs t/web/png.mjs t/web/load.mjs
