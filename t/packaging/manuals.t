#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The manual pages: each command, option, exit code, policy function and function of the plugin header is
# in its page, and the pages are ones that `man` formats without a complaint.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(srcdir builddir program capture slurp);
use Test::More;

my %PAGES = (sonde => 1, 'sonde-controller' => 8, 'sonde-node' => 8, 'sonde-policy' => 7, 'sonde-plugin' => 3);
plan skip_all => 'no manual pages were built: perl has no Pod::Man' unless -e builddir() . '/doc/man/sonde.1';
delete @ENV{ grep { /^SONDE_/ } keys %ENV };

# A page as text that can be compared: without the marks of its format.
sub page {
  my ($name) = @_;
  my $text = slurp(builddir() . "/doc/man/$name.$PAGES{$name}");
  $text =~ s/\\f(?:\[\w*\]|\(\w\w|.)//g;
  $text =~ s,\\s-?\d,,g;
  $text =~ s/\\&|\\%//g;
  $text =~ s/\\-/-/g;
  $text =~ s/\\e/\\/g;
  $text =~ s/\\\*\(C'|\\\*\(Aq/'/g;
  return $text;
}

sub has_all {
  my ($name, $least, @words) = @_;
  my $text = page($name);
  cmp_ok(scalar @words, '>=', $least, "$name: there are things to tell of");
  is_deeply([ grep { $text !~ /(?<![\w-])\Q$_\E(?![\w-])/ } @words ], [], "$name: all are told");
}

my (undef, $help) = capture(builddir() . '/sonde', 'help');
my ($commands) = $help =~ /^commands:\n((?: .*\n)+)/m;
has_all('sonde', 60, map { "sonde $_" } $commands =~ /^  ([a-z][a-z-]*(?: [a-z][a-z-]*)?)/mg);
my %option = map { $_ => 1 } $help =~ /(--[a-z][a-z-]+)/g;
for my $command ('schedule add', 'export', 'token create') {
  my (undef, $own) = capture(builddir() . '/sonde', 'help', split / /, $command);
  $option{$_} = 1 for $own =~ /^ +(?:-\w, )?(--[a-z][a-z-]+)/mg;
}
has_all('sonde', 30, sort keys %option);
my ($codes) = $help =~ /^exit codes:\n((?: .*\n)+)/m;
has_all('sonde', 10, map { s/^ +\d+ +//r } split /\n/, $codes);

for my $daemon ('sonde-controller', 'sonde-node') {
  my (undef, $flags) = capture(builddir() . "/$daemon", '--help');
  has_all($daemon, 30, $flags =~ /^  (?:-\w, )?(--[\w-]+)/mg);
  has_all($daemon, 30, $flags =~ /^ +(SONDE_\w+);/mg);
  my %times;
  $times{$_}++ for $flags =~ /^  (?:-\w, )?(--[\w-]+)/mg;
  is_deeply([ grep { $times{$_} > 1 } sort keys %times ], [], "$daemon: each flag is told once");
}

my $meta = slurp(srcdir() . '/lua/sonde.meta.lua');
has_all('sonde-policy', 30, $meta =~ /^function (lb\.\w+)/mg);
has_all('sonde-policy', 60, $meta =~ /^---\@field (\w+)/mg);
my ($host) = slurp(srcdir() . '/core/include/sonde/plugin.h') =~ /^struct sonde_host \{\n(.*?)^\};/ms;
has_all('sonde-plugin', 20, map { "(*$_)" } $host =~ /\(\*(\w+)\)/g);

subtest 'man' => sub {
  plan skip_all => 'no man here: install man-db' unless program('man');
  local $ENV{MANROFFSEQ} = '';
  local $ENV{LC_ALL} = 'C.UTF-8';
  local $ENV{MANROFFOPT} = '-Wbreak'; # the prefix of an installation may be longer than a line
  for my $name (sort keys %PAGES) {
    my $file = builddir() . "/doc/man/$name.$PAGES{$name}";
    my $text = page($name);
    ok($text =~ /^\.SH "?NAME"?\n\Q$name\E - \w/m, "$name: says what it is");
    ok($text =~ /^\.SH "?SYNOPSIS"?$/m, "$name: and how to use it");
    ok($text !~ /POD ERRORS/, "$name: is well-formed");
    # The pipe keeps a pager away.
    my ($rc, $said) = capture('sh', '-c', 'man --warnings -E UTF-8 -l "$0" 2>&1 >/dev/null', $file);
    is("$rc $said", '0 ', "$name: is formatted without a complaint");
  }
};
done_testing;
