# SPDX-License-Identifier: Apache-2.0
# A test inside the lab (t/lab/lab): its first run brings a lab up, runs the test once more on one of
# the lab's hosts and takes the lab down again, whatever became of it.
package Lab;
use strict;
use warnings;
use Exporter 'import';
use FindBin;
use House qw(capture program);
use Test::More ();

our @EXPORT_OK = qw(enter at netns lab_dir);

my $id = $ENV{SONDE_LAB_INSIDE};

# Returns on the host $where ('srv', 'eu', ...); the first run does not return. Skips the test where
# a lab, or one of the programs, is not to be had.
sub enter {
  my ($where, @programs) = @_;
  return if defined $id;
  for my $need (@programs) {
    Test::More::plan(skip_all => "needs the program $need") unless program($need);
  }
  my $lab = "$FindBin::Bin/lab";
  local $ENV{SONDE_LAB} = "l$$";
  my ($rc, $text) = capture($lab, 'up');
  Test::More::plan(skip_all => $text =~ s/\s+/ /gr) if $rc == 77;
  Test::More::BAIL_OUT("the lab does not come up: $text") if $rc;
  local $ENV{SONDE_LAB_INSIDE} = $ENV{SONDE_LAB};
  $rc = system($lab, 'exec', $where, $^X, $0);
  capture($lab, 'down');
  exit($rc & 127 ? 1 : $rc >> 8);
}

# The network namespace of a host of this lab.
sub netns { return "sonde-$id-$_[0]" }

# A command as it is run on another host of this lab.
sub at { return ('ip', 'netns', 'exec', netns($_[0]), @_[1 .. $#_]) }

# Where the lab keeps its files.
sub lab_dir { return "/run/sonde-lab-$id" }

1;
