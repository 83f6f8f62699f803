# SPDX-License-Identifier: Apache-2.0
policiesdir = $(pkgdatadir)/policies
dist_policies_DATA = \
	policies/capability.lua policies/capability.t.lua \
	policies/hybrid.lua policies/hybrid.t.lua \
	policies/least_load.lua policies/least_load.t.lua \
	policies/regional.lua policies/regional.t.lua \
	policies/round_robin.lua policies/round_robin.t.lua
