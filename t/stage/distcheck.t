#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# `make distcheck`: the tarball builds out of a read-only tree, passes its tests, installs under
# DESTDIR, uninstalls and cleans without a rest. Runs in SONDE_PLAIN_BUILD, or the build this runs in.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(builddir run_all slurp);
use Test::More tests => 1;

my $build = $ENV{SONDE_PLAIN_BUILD} // builddir();
# The inner make is a run of its own: nothing of the outer one may reach it.
delete @ENV{qw(SONDE_FAULTS MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES top_srcdir top_builddir HARNESS_RULESFILE)};
# The same tests run at full length in the build with sanitizers.
$ENV{SONDE_KILLS} ||= 4;
$ENV{SONDE_PARTITION} ||= 3;
my $log = "$build/distcheck.log";

# What failed comes first, each with the comments below it: a log that is cut keeps its beginning.
sub failures {
  my (@lines) = @_;
  my ($said, @out) = (0);
  for my $i (0 .. $#lines) {
    next unless $i >= $said && $lines[$i] =~ /^\s*not ok|^\s*# +Failed test|^[^#].* at \S+ line \d+[.,]|\bWstat: [1-9]|\berror: |\*\*\* |^Bailout/;
    push @out, $lines[$i];
    for ($said = $i + 1; $said <= $i + 8 && ($lines[$said] // '') =~ /^\s*#(?! Subtest)/; $said++) {
      push @out, $lines[$said];
    }
  }
  return @out > 60 ? @out[0 .. 59] : @out;
}

run_all(1, [{ log => $log, cmd => ['make', '-C', $build, '-j2', 'distcheck'] }], sub {
  my (undef, $rc) = @_;
  my @lines = split /\n/, slurp($log);
  ok($rc == 0 && grep({ /archives ready for distribution/ } @lines), 'make distcheck')
    or diag(join "\n", failures(@lines), 'and its end:',
      @lines > 12 ? @lines[-12 .. -1] : @lines, "the whole log is $log");
});
