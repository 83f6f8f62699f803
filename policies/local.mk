# SPDX-License-Identifier: Apache-2.0
policiesdir = $(pkgdatadir)/policies
dist_policies_DATA = \
	policies/capability.lua policies/capability.t.lua \
	policies/diverse.lua policies/diverse.t.lua \
	policies/hybrid.lua policies/hybrid.t.lua \
	policies/least_load.lua policies/least_load.t.lua \
	policies/mesh_full.lua policies/mesh_full.t.lua \
	policies/mesh_random.lua policies/mesh_random.t.lua \
	policies/priority.lua policies/priority.t.lua \
	policies/regional.lua policies/regional.t.lua \
	policies/round_robin.lua policies/round_robin.t.lua \
	policies/sticky.lua policies/sticky.t.lua \
	policies/tiers.lua policies/tiers.t.lua \
	policies/verdict_cert.lua policies/verdict_cert.t.lua \
	policies/verdict_path.lua policies/verdict_path.t.lua \
	policies/verdict_quorum.lua policies/verdict_quorum.t.lua \
	policies/verdict_threshold.lua policies/verdict_threshold.t.lua \
	policies/world.lua policies/world.t.lua
dist_policies_DATA += policies/predictive.lua policies/predictive.t.lua
