#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The C unit tests under memcheck: an error or a definite leak fails. Needs a build without
# sanitizers: SONDE_PLAIN_BUILD, or the build this runs in.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(builddir make_var run_all slurp);
use Test::More;

my $build = $ENV{SONDE_PLAIN_BUILD} // builddir();
$ENV{top_builddir} = $build;
plan skip_all => 'this build has sanitizers, which memcheck cannot run' if make_var('SAN_CFLAGS') ne '';

# make knows the list; it is an expression there.
my %skip  = map { ($_ => 1) } split ' ', make_var('VALGRIND_SKIP');
my @tests = grep { !$skip{$_} } split ' ', make_var('C_TESTS');
cmp_ok(scalar(@tests), '>', 0, 'there are unit tests');

# Each case is a process of its own with a time limit: memcheck is slow, so the limit is stretched.
$ENV{TAP_SLOW} = 10;
chdir $build or die "$build: $!\n";
mkdir 'valgrind';
my @jobs = map {
  (my $name = $_) =~ tr{/}{-};
  {
    name => $_,
    log  => "valgrind/$name.log",
    cmd  => ['valgrind', '-q', '--error-exitcode=99', '--leak-check=full',
      '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite', "./$_"],
  }
} @tests;
run_all(2, \@jobs, sub {
  my ($job, $rc) = @_;
  my $log = slurp($job->{log});
  ok($rc == 0 && $log =~ /^1\.\.[1-9]/m, $job->{name}) or diag("ended with $rc\n$log");
});
done_testing;
