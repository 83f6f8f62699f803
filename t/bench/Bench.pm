# SPDX-License-Identifier: Apache-2.0
# What the benchmark scripts share: a controller on the disk of the build tree, the generators, and
# printing. A figure is printed with what it is measured against, never judged here.
package Bench;
use strict;
use warnings;
use Cwd qw(abs_path);
use JSON::PP;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

our $src = abs_path($ENV{top_srcdir} || '.');
our $bld = abs_path($ENV{top_builddir} || '.');
my $json = JSON::PP->new->canonical;

# A memory file system would make every fsync free.
BEGIN { $ENV{TMPDIR} = abs_path($ENV{top_builddir} || '.') }

sub row { print $json->encode({@_}), "\n" }
sub num { return 0 + sprintf("%.$_[1]f", $_[0]) }
sub median { my @s = sort { $a <=> $b } @_; return $s[@s / 2] }

sub need {
  my ($bench, @programs) = @_;
  my @missing = grep { !-x "$bld/$_" } @programs;
  return unless @missing;
  row(bench => $bench, skipped => "not built: @missing");
  exit 0;
}

# Forks die with their output read; dies where the program fails.
sub capture {
  my (@argv) = @_;
  open(my $out, '-|', @argv) or die "$argv[0]: $!\n";
  local $/;
  my $text = <$out>;
  close $out or die "$argv[0] ended with $?\n";
  return $text;
}

# What nodes say of their plugins.
sub describe {
  my ($sonde) = @_;
  my $file = "$sonde->{dir}/describe.json";
  open my $f, '>', $file or die "$file: $!";
  print $f capture("$bld/sonde-runner", '--describe', '--plugins', $sonde->{plugins});
  close $f;
  return $file;
}

sub http_load {
  my ($sonde, @args) = @_;
  my $path = pop @args;
  return decode_json(capture("$bld/t/bench/http_load", '-H', "Authorization: Bearer $sonde->{token}",
    '-p', $sonde->{pids}{controller}, @args, '127.0.0.1', $sonde->{port}, $path));
}

# Nodes of nodes_bench beside this script: ready when it returns.
sub start_nodes {
  my ($sonde, $mode, @args) = @_;
  my $token = $sonde->registration_token(uses => 10_000);
  my @argv = ("$bld/t/bench/nodes_bench", '-t', $token, '-d', describe($sonde),
    '-p', $sonde->{pids}{controller}, @args, $mode, '127.0.0.1', $sonde->{port});
  pipe(my $in_r, my $in_w) or die $!;
  pipe(my $out_r, my $out_w) or die $!;
  pipe(my $err_r, my $err_w) or die $!;
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    open STDIN,  '<&', $in_r;
    open STDOUT, '>&', $out_w;
    open STDERR, '>&', $err_w;
    close $_ for $in_r, $in_w, $out_r, $out_w, $err_r, $err_w;
    exec @argv or POSIX::_exit(127);
  }
  close $_ for $in_r, $out_w, $err_w;
  my $line = <$err_r> // '';
  die "nodes_bench: $line\n" if $line ne "ready\n";
  my $nodes = bless { pid => $pid, in => $in_w, out => $out_r, err => $err_r }, 'Bench::Nodes';
  return $nodes;
}

package Bench::Nodes;

sub go { my ($self) = @_; syswrite $self->{in}, "go\n" }

# Its figures; a `hold` ends here.
sub end {
  my ($self) = @_;
  close $self->{in};
  local $/;
  my $text = readline $self->{out};
  my $why = readline $self->{err};
  waitpid delete $self->{pid}, 0;
  die "nodes_bench: $why" if $?;
  return JSON::PP::decode_json($text);
}

sub DESTROY {
  my ($self) = @_;
  return unless $self->{pid};
  local $?;
  kill 'TERM', $self->{pid};
  waitpid $self->{pid}, 0;
}

1;
