#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Line coverage of the parsers by their fuzz targets (`make fuzz-coverage`). The parsers are the table
# of doc/testing.md. Each target runs SONDE_COVERAGE_SECONDS (0) from its seeds and from what earlier
# runs left below t/fuzz/run/, then over all of that once. Needs a build made with CC=clang
# --enable-fuzzers CFLAGS="-O1 -g -fprofile-instr-generate -fcoverage-mapping": SONDE_FUZZ_BUILD, or
# the build this runs in. A file below SONDE_FUZZ_COVERAGE (90) percent fails, unless the table says why.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Path qw(make_path remove_tree);
use House qw(srcdir builddir parsers run_all slurp capture);
use JSON::PP;
use Test::More;

my $build   = $ENV{SONDE_FUZZ_BUILD} // builddir();
my $seconds = $ENV{SONDE_COVERAGE_SECONDS} // 0;
my $least   = $ENV{SONDE_FUZZ_COVERAGE} // 90;
$seconds =~ /^\d{1,5}$/ or die "SONDE_COVERAGE_SECONDS must be a number of seconds\n";

my @rows = parsers();
my %targets = map { $_ => 1 } map { @{ $_->{targets} } } @rows;
my $dir = "$build/t/fuzz/coverage";
remove_tree($dir);
make_path($dir);

sub job {
  my ($name, @options) = @_;
  my $seeds  = srcdir() . "/t/fuzz/seeds/$name";
  my $corpus = "$build/t/fuzz/run/$name/corpus";
  make_path($corpus);
  return { name => $name, log => "$dir/$name.log",
    cmd => ["$build/t/fuzz/${name}_fuzz", '-timeout=10', @options, $corpus, -d $seeds ? $seeds : ()] };
}

my @missing = grep { !-x "$build/t/fuzz/${_}_fuzz" } sort keys %targets;
die "not built: @missing (make fuzzers)", "\n" if @missing;
my @failed;
my $ended = sub {
  my ($job, $rc) = @_;
  push @failed, "$job->{name}: exit code $rc\n" . substr(slurp($job->{log}), -3000) if $rc;
};
$ENV{LLVM_PROFILE_FILE} = '/dev/null';
run_all(2, [ map { job($_, "-max_total_time=$seconds") } sort keys %targets ], $ended) if $seconds;
$ENV{LLVM_PROFILE_FILE} = "$dir/%p-%m.profraw";
run_all(2, [ map { job($_, '-runs=0') } sort keys %targets ], $ended);
is(join("\n", @failed), '', 'every target ended well');

my @raw = glob "$dir/*.profraw";
die "no profile was written: is this a build for coverage?\n" if !@raw;
my ($rc, $text) = capture('llvm-profdata', 'merge', '-sparse', '-failure-mode=all', '-o', "$dir/profile", @raw);
is($rc, 0, 'the profiles are one') or die $text;
my @programs = ((map { "$build/t/fuzz/${_}_fuzz" } sort keys %targets), glob "$build/plugins/*/.libs/*.so");
my ($first, @others) = @programs;
($rc, $text) = capture('llvm-cov', 'export', '-summary-only', "-instr-profile=$dir/profile", $first,
  map { "-object=$_" } @others);
$text =~ s/^(?:warning|error): .*\n//mg;
my %lines;
for my $f (@{ decode_json($text)->{data}[0]{files} }) {
  next unless $f->{filename} =~ m{/((?:core|plugins)/.*)$};
  my $l = $f->{summary}{lines};
  # Objects of several configurations may stand side by side.
  $lines{$1} = $l if !$lines{$1} || $l->{covered} > $lines{$1}{covered};
}

my ($all, $covered) = (0, 0);
for my $row (sort { $a->{file} cmp $b->{file} } @rows) {
  next unless $row->{counted} && @{ $row->{targets} };
  my $l = $lines{ $row->{file} } // { count => 0, covered => 0, percent => 0 };
  $all += $l->{count};
  $covered += $l->{covered};
  my $what = sprintf '%5.1f %%  %4d of %4d  %s', $l->{percent}, $l->{covered}, $l->{count}, $row->{file};
  $what .= " ($row->{why})" if $l->{percent} < $least && $row->{why};
  ok($l->{count} && ($l->{percent} >= $least || $row->{why}), $what);
}
cmp_ok($covered, '>', 0, sprintf '%5.1f %%  %4d of %4d  all', 100 * $covered / ($all || 1), $covered, $all);
unlink @raw;
done_testing;
