# SPDX-License-Identifier: Apache-2.0
# What the house's own tests share: where the trees are, what the build was made with, which files
# there are, and how to run programs with a bound.
package House;
use strict;
use warnings;
use Exporter 'import';
use File::Find ();
use Findings;
use POSIX ();

our @EXPORT_OK = qw(srcdir builddir make_var files slurp parsers program capture run_all);

sub srcdir   { $ENV{top_srcdir}   // '.' }
sub builddir { $ENV{top_builddir} // srcdir() }

sub slurp {
  my ($path) = @_;
  open my $in, '<:raw', $path or die "$path: $!\n";
  local $/;
  return scalar <$in>;
}

# A variable of the configured Makefile, with references to others expanded; '' when not set.
my %vars;
sub make_var {
  my ($name) = @_;
  if (!%vars) {
    my $text = slurp(builddir() . '/Makefile');
    $text =~ s/\\\n/ /g;
    $vars{$1} //= $2 while $text =~ /^([A-Za-z_]\w*) *= *(.*)$/mg;
    $vars{top_srcdir}   = srcdir();
    $vars{top_builddir} = builddir();
  }
  my $value = $vars{$name} // '';
  for (1 .. 20) {
    last unless $value =~ s/\$[({](\w+)[)}]/$vars{$1} \/\/ ''/ge;
  }
  $value =~ s/\s+$//;
  return $value;
}

# Paths of regular files under $root/$dir whose name matches, relative to $root, sorted.
sub files {
  my ($root, $dir, $match) = @_;
  my @found;
  return () unless -d "$root/$dir";
  File::Find::find({
    no_chdir => 1,
    wanted   => sub {
      return unless -f $_ && !-l $_ && $_ =~ $match;
      push @found, substr($_, length($root) + 1);
    },
  }, "$root/$dir");
  return sort @found;
}

# Rows of the tables of parsers in doc/testing.md, one a file: { file, targets => [...], what, why,
# counted }. A row without targets has a reason; the lines of the first table's files are counted.
sub parsers {
  my (@rows, $counted);
  for (split /\n/, slurp(srcdir() . '/doc/testing.md')) {
    $counted = $1 eq 'Parsers' if /^### (.*)/;
    next unless /^\|.*\.c\b/;
    my (undef, $what, $files, $targets, $why) = map { s/^\s+|\s+$//gr } split /\|/, $_, -1;
    push @rows, { file => $_, what => $what, why => $why // '', counted => $counted,
      targets => [ $targets eq '-' ? () : split /,\s*/, $targets ] } for split /,\s*/, $files;
  }
  return @rows;
}

# The path of a program; undef when this machine has none of that name.
sub program {
  my ($name) = @_;
  return (grep { -f && -x } map { "$_/$name" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin')[0];
}

# (exit code or 128 + signal, stdout and stderr) of a command without a shell.
sub capture {
  my (@cmd) = @_;
  my $pid = open(my $out, '-|') // die "fork: $!\n";
  if (!$pid) {
    open STDERR, '>&', \*STDOUT;
    open STDIN, '<', '/dev/null';
    exec { $cmd[0] } @cmd or do { print "$cmd[0]: $!\n"; POSIX::_exit(127) };
  }
  local $/;
  my $text = <$out> // '';
  close $out;
  return ($? & 127 ? 128 + ($? & 127) : $? >> 8, $text);
}

# Runs jobs { name, cmd => [...], log } at most $width at a time, output into the log file, and
# calls $done->($job, $code) as each ends.
sub run_all {
  my ($width, $jobs, $done) = @_;
  my @waiting = @$jobs;
  my %running;
  while (@waiting || %running) {
    while (@waiting && keys %running < $width) {
      my $job = shift @waiting;
      my $pid = fork() // die "fork: $!\n";
      if (!$pid) {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', $job->{log} or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT;
        exec { $job->{cmd}[0] } @{ $job->{cmd} } or POSIX::_exit(127);
      }
      $running{$pid} = $job;
    }
    my $pid = waitpid -1, 0;
    my $job = delete $running{$pid} or next;
    $done->($job, $? & 127 ? 128 + ($? & 127) : $? >> 8);
  }
}

1;
