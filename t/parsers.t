#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Every parser of foreign bytes has a fuzz target: the tables of doc/testing.md, held to the tree.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use House qw(srcdir files parsers slurp);
use Test::More;

# What reads bytes of elsewhere calls one of these.
my $PARSES = qr/\b(?:json_load\w*|sonde_json_load|jsmn_parse|strto(?:l|ul|ll|ull|d)|yaml_parser_parse
  |d2i_\w+|MMDB_open|sonde_msg_decode|sonde_frame_next|sonde_config_load|sonde_yaml_document)\s*\(/x;

my $src  = srcdir();
my @rows = parsers();
cmp_ok(scalar @rows, '>', 50, 'doc/testing.md has tables of parsers');
my (%file, %target);
for my $row (@rows) {
  fail("$row->{file} does not exist") if !-f "$src/$row->{file}";
  fail("$row->{file} stands in two rows") if $file{ $row->{file} }++;
  $target{$_} //= $row->{file} for @{ $row->{targets} };
  ok($row->{why}, "$row->{file} has no target, and a reason") unless @{ $row->{targets} };
}

my %made = map { m{/([^/]+)_fuzz\.c$} ? ($1 => 1) : () } files($src, 't/fuzz', qr/_fuzz\.c$/);
is_deeply([ grep { !$made{$_} } sort keys %target ], [], 'every target of the tables is there');
is_deeply([ grep { !$target{$_} } sort keys %made ], [], 'and every target stands in them');
my $makefiles = join '', map { slurp("$src/$_") } files($src, 'core', qr/local\.mk$/), 't/fuzz/local.mk';
for my $name (sort keys %made) {
  my @missing = grep { $makefiles !~ /$_/ } "t/fuzz/${name}_fuzz\\b", "t/fuzz/seeds/$name\\b";
  my @seeds = files($src, "t/fuzz/seeds/$name", qr/./);
  push @missing, 'seeds' unless @seeds;
  ok(!@missing, "$name is built and has seeds") or diag("missing: @missing");
}
my @seeds = files($src, 't/fuzz/seeds', qr/./);
my $bytes = 0;
$bytes += -s "$src/$_" for @seeds;
cmp_ok($bytes, '<', 200_000, 'the seeds are small');
is_deeply([ grep { m{/[0-9a-f]{40}$} } @seeds ], [], 'and by hand: what a run finds stays in the build');

my @without = grep { !$file{$_} && slurp("$src/$_") =~ $PARSES }
  files($src, 'core', qr/\.c$/), files($src, 'plugins', qr/\.c$/);
is_deeply(\@without, [], 'every file that parses stands in a row of doc/testing.md')
  or diag(join "\n", @without);

# What the API and the websockets take has a seed to start from.
my $routes = slurp("$src/core/controller/api/route.c");
my $asked  = join "\n", map { slurp("$src/$_") =~ /^(.*)/ } files($src, 't/fuzz/seeds/api', qr/./);
for my $route ($routes =~ /\{ SONDE_([A-Z]+, "[^"]+"), ROLE_/g) {
  my ($method, $path) = $route =~ /(\w+), "(.*)"/;
  my $pattern = quotemeta($path) =~ s/\\\{id\\\}/[^\/ ?]+/r;
  like($asked, qr/^$method $pattern(?:\?|$)/m, "$method $path has a seed");
}
my $said = join '', map { slurp("$src/$_") } map { files($src, "t/fuzz/seeds/$_", qr/./) } qw(wire link pipe);
for my $kind (slurp("$src/core/wire/msg.c") =~ /^\t\[SONDE_MSG_\w+\] = \{ "(\w+)"/mg) {
  like($said, qr/"t":"$kind"/, "the message $kind has a seed");
}
done_testing;
