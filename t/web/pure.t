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
use IO::Compress::Gzip qw(gzip);
use Test::More;

my $web = srcdir() . '/web';
plan skip_all => 'no node here' if system('node --version >/dev/null 2>&1');
plan skip_all => 'the packages of web/ are not installed' if !-x "$web/node_modules/.bin/esbuild";
plan tests => 5;

my $dir = tempdir(CLEANUP => 1);
my $rc  = system("$web/node_modules/.bin/esbuild", "$FindBin::Bin/pure.test.ts", '--bundle', '--platform=node',
  '--format=esm', '--log-level=warning', "--outfile=$dir/pure.test.mjs");
is($rc, 0, 'the tests are bundled');
my $said = `node --test --test-reporter=tap $dir/pure.test.mjs 2>&1`;
is($?, 0, 'node --test') or diag($said);
$said = `cd '$web' && node_modules/.bin/tsc --noEmit -p tsconfig.json 2>&1`;
is($?, 0, 'the types are right') or diag($said);

SKIP: {
  skip 'the dashboard was not built', 2 if !-f "$web/dist/app.js";
  my ($total, $longest) = (0, 0);
  for my $name (qw(index.html app.js app.css world.json icon.svg)) {
    open my $f, '<', "$web/dist/$name" or die "$name: $!";
    my $text = do { local $/; <$f> };
    gzip(\$text => \my $small, -Level => 9) or die 'gzip';
    $total += length $small;
    for (split /\n/, $text) { $longest = length if length > $longest }
  }
  cmp_ok($total, '<=', 120_000, 'all that a browser is sent, with gzip');
  cmp_ok($longest, '<=', 512, 'and it can be read');
}
