#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Every fuzz target for SONDE_FUZZ_SECONDS (15), two at a time, from its seeds; a crash, a leak, a
# finding of the sanitizers, an input that takes more than 1 s and one that wants more than 256 MiB at
# once fail and leave the input behind. Needs a build made with CC=clang --enable-fuzzers:
# SONDE_FUZZ_BUILD, or the build this runs in.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Path qw(make_path);
use House qw(srcdir builddir capture files run_all slurp);
use Test::More;

my $build   = $ENV{SONDE_FUZZ_BUILD} // builddir();
my $seconds = $ENV{SONDE_FUZZ_SECONDS} // 15;
$seconds =~ /^[1-9]\d{0,5}$/ or die "SONDE_FUZZ_SECONDS must be a number of seconds\n";

my @names = map { m{^t/fuzz/([^/]+)_fuzz\.c$} ? $1 : () } files(srcdir(), 't/fuzz', qr/_fuzz\.c$/);
plan skip_all => 'there is no fuzz target yet' unless @names;

my @jobs;
for my $name (@names) {
  my $program = "$build/t/fuzz/${name}_fuzz";
  if (!-x $program) {
    fail("$name: $program was not built");
    next;
  }
  my $dir   = "$build/t/fuzz/run/$name";
  my $seeds = srcdir() . "/t/fuzz/seeds/$name";
  make_path("$dir/corpus");
  push @jobs, {
    name => $name,
    dir  => $dir,
    log  => "$dir/log",
    cmd  => [$program, "-max_total_time=$seconds", '-timeout=1', '-malloc_limit_mb=256',
      '-rss_limit_mb=1024', '-print_final_stats=1', "-artifact_prefix=$dir/", "$dir/corpus", -d $seeds ? $seeds : ()],
  };
}
# The sanitizer keeps what was freed for a while; a little of that is enough.
$ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (), 'quarantine_size_mb=16';

$ENV{UBSAN_OPTIONS} = join ':', $ENV{UBSAN_OPTIONS} // (), 'print_stacktrace=1';

# A build for coverage.t would leave a file behind.
$ENV{LLVM_PROFILE_FILE} = '/dev/null';

# On a busy machine any input may take a second. One that is slow takes it each time, alone.
sub is_slow {
  my ($job, $log) = @_;
  my ($input) = $log =~ /Test unit written to (\S*timeout-\S+)/ or return 0;
  for (1 .. 3) {
    my ($rc) = capture($job->{cmd}[0], '-timeout=1', $input);
    return 0 if $rc == 0;
  }
  return 1;
}

# What was found and where, without what libFuzzer said of its progress before.
sub findings {
  my ($log) = @_;
  my ($found) = $log =~ /^([^
]*(?:runtime error|ERROR: )[^
]*
.*)/ms;
  return substr $found // substr($log, -6000), 0, 6000;
}

run_all(2, \@jobs, sub {
  my ($job, $rc) = @_;
  my $log = slurp($job->{log});
  $rc = 0 if $rc == 70 && !is_slow($job, $log);
  my ($units) = $log =~ /^stat::number_of_executed_units:\s*(\d+)/m;
  ok($rc == 0 && $units, "$job->{name}: " . ($units // 0) . ' inputs')
    or diag(findings($log) . "\ninputs and log are in $job->{dir}");
});
done_testing;
