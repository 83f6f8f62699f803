# SPDX-License-Identifier: Apache-2.0
luadir = $(pkgdatadir)/lua
dist_lua_DATA = lua/bench.lua lua/luacheckrc lua/sonde.meta.lua
