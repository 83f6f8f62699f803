# SPDX-License-Identifier: Apache-2.0
# What the benchmark scripts share: a controller on the disk of the build tree, the generators, and
# printing. A figure is printed with what it is measured against, never judged here.
package Bench;
use strict;
use warnings;
use Cwd qw(abs_path);
use FindBin;
use JSON::PP;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

# Alone, a script runs in the build directory. State goes there, too: a memory file system under
# /tmp would make every fsync free.
BEGIN {
  $ENV{top_srcdir}   ||= abs_path("$FindBin::Bin/../..");
  $ENV{top_builddir} ||= abs_path('.');
  $ENV{TMPDIR} = abs_path($ENV{top_builddir});
}
our $bld = abs_path($ENV{top_builddir});
my $json = JSON::PP->new->canonical;

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
  my $before = machine();
  my $r = decode_json(capture("$bld/t/bench/http_load", '-H', "Authorization: Bearer $sonde->{token}",
    '-p', $sonde->{pids}{controller}, @args, '127.0.0.1', $sonde->{port}, $path));
  my %busy = others($before);
  my $own = ($r->{server_cpu_us} + $r->{client_cpu_us}) * $r->{requests} / 1e6 / $r->{seconds};
  $r->{other_cores} = num($busy{busy_cores} > $own ? $busy{busy_cores} - $own : 0, 2);
  return $r;
}

# CPU of processes that live on, in microseconds: stat counts in hundredths of a second.
sub cpu_us {
  my $ns = 0;
  for my $file (map { glob "/proc/$_/task/*/schedstat" } @_) {
    open my $f, '<', $file or next;
    $ns += (split ' ', <$f> // 0)[0];
  }
  return $ns / 1000;
}

# CPU of all children that were waited for.
sub children_cpu_us {
  my $number = { x86_64 => 98, aarch64 => 165 }->{ (POSIX::uname())[4] }
    or die "the number of getrusage is not known here\n";
  my $usage = "\0" x 256;
  syscall($number, -1, $usage) == 0 or die "getrusage: $!";
  my ($user_s, $user_us, $system_s, $system_us) = unpack 'q4', $usage;
  return ($user_s + $system_s) * 1e6 + $user_us + $system_us;
}

# The machine's work so far, and how much of it since then the caller does not answer for: a rate
# measured while others had the CPUs is a lower bound.
sub machine {
  open my $f, '<', '/proc/stat' or die $!;
  my (undef, @ticks) = split ' ', scalar <$f>;
  return { at => time, busy => $ticks[0] + $ticks[1] + $ticks[2] + $ticks[5] + $ticks[6] + $ticks[7] };
}

sub others {
  my ($before) = @_;
  my $now = machine();
  my $seconds = $now->{at} - $before->{at};
  return (busy_cores => num(($now->{busy} - $before->{busy}) / 100 / ($seconds || 1), 2));
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
