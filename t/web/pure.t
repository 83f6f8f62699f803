#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The dashboard's pure functions under node:test, and its types; skips where node or the packages are
# not there.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use House qw(srcdir);
use Test::More;

my $web = srcdir() . '/web';
plan skip_all => 'no node here' if system('node --version >/dev/null 2>&1');
plan skip_all => 'the packages of web/ are not installed' if !-x "$web/node_modules/.bin/esbuild";
plan tests => 3;

my $dir = tempdir(CLEANUP => 1);
my $rc  = system("$web/node_modules/.bin/esbuild", "$FindBin::Bin/pure.test.ts", '--bundle', '--platform=node',
  '--format=esm', '--log-level=warning', "--outfile=$dir/pure.test.mjs");
is($rc, 0, 'the tests are bundled');
my $said = `node --test --test-reporter=tap $dir/pure.test.mjs 2>&1`;
is($?, 0, 'node --test') or diag($said);
$said = `cd '$web' && node_modules/.bin/tsc --noEmit -p tsconfig.json 2>&1`;
is($?, 0, 'the types are right') or diag($said);
