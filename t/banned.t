#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What the house never uses, by name: calls that bound nothing, and flags of LMDB with which a crash loses
# what was acknowledged or memory that was never cleared reaches the disk.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use House qw(srcdir files slurp);
use Test::More;

my $CALLS = join '|', qw(atoi atol atoll sscanf sprintf vsprintf strcpy strcat gets strtok alloca system popen
  mktemp tempnam tmpnam rand srand random srandom setenv putenv);
my $FLAGS = join '|', qw(MDB_NOMEMINIT MDB_WRITEMAP MDB_MAPASYNC MDB_NOLOCK MDB_DUPSORT);

# [line, word] of each, comments and texts left out.
sub banned {
  my ($text) = @_;
  $text =~ s{/\*(.*?)\*/|"(?:[^"\\\n]|\\.)*"}{ (my $c = $1 // '') =~ tr/\n//cd; "\"$c\"" }gse;
  my ($line, @found) = (0);
  for (split /\n/, $text) {
    $line++;
    push @found, [ $line, $1 // $2 ] while /(?<![\w.>])($CALLS)\s*\(|\b($FLAGS)\b/g;
  }
  return @found;
}

for my $case ([ "x = atoi(s);", 1 ], [ "\tsprintf (a, b);", 1 ], [ "flags | MDB_NOMEMINIT,", 1 ], [ "/* atoi(s) */", 0 ],
  [ '"system(x)"', 0 ], [ "vsnprintf(a); my_system(b); p->random(c);", 0 ], [ "/* a\nb */ strcat(a, b)", 1 ]) {
  is(scalar(banned($case->[0])), $case->[1], $case->[0] =~ s/\s+/ /gr);
}
my @sources = map { files(srcdir(), $_, qr/\.[ch]$/) } qw(core plugins);
cmp_ok(scalar(@sources), '>', 100, 'sources were found');
my @bad = map { my $file = $_; map { "$file:$_->[0]: " . $_->[1] } banned(slurp(srcdir() . "/$file")) } @sources;
is_deeply(\@bad, [], 'none has a banned word') or diag join "\n", @bad;
done_testing;
