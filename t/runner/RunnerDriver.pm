# SPDX-License-Identifier: Apache-2.0
# Starts the built sonde-runner over a socket pair and speaks its frames, in place of a node.
package RunnerDriver;
use strict;
use warnings;
use Fcntl qw(F_SETFD);
use IO::Select;
use JSON::PP ();
use POSIX ();
use Socket;
use Time::HiRes qw(time);
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(builddir);

our $PATIENCE = 60; # seconds; generous, because the machine may be busy
my $json = JSON::PP->new->utf8->canonical;

# Directories of built plugins, as --plugins takes them.
sub plugin_dirs { return join ':', map { builddir() . "/plugins/$_/.libs" } @_ }

sub new {
  my ($class, %opt) = @_;
  socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!\n";
  my $plugins = $opt{plugins} // plugin_dirs(qw(echo tcp faulty));
  my @cmd = ($opt{program} // builddir() . '/sonde-runner', '--plugins', $plugins, '--fd', fileno($theirs),
    '--log-level', 'error', @{ $opt{args} // [] });
  my $pid = fork() // die "fork: $!\n";
  if (!$pid) {
    close $ours;
    fcntl($theirs, F_SETFD, 0);
    open STDERR, '>', $opt{log} if $opt{log};
    exec { $cmd[0] } @cmd or POSIX::_exit(127);
  }
  close $theirs;
  return bless { fh => $ours, pid => $pid, in => '', next => 1 }, $class;
}

# A task with a key of its own; returns its number.
sub task {
  my ($self, $type, $target, %more) = @_;
  my $n = $self->{next}++;
  return ($n, {
    m => '0123456789abcdefghjkmnpqr0', i => $n, a => 1, type => $type, target => $target,
    options => {}, timeoutMs => 10000, validMs => 0, %more,
  });
}

sub send {
  my ($self, $msg) = @_;
  my $text = $json->encode($msg);
  $self->send_bytes(pack('V', length $text) . $text);
}

sub send_bytes {
  my ($self, $bytes) = @_;
  local $SIG{PIPE} = 'IGNORE';
  while (length $bytes) {
    my $n = syswrite $self->{fh}, $bytes;
    return 0 unless defined $n;
    substr($bytes, 0, $n) = '';
  }
  return 1;
}

# Sends tasks, each as task() takes them; returns their numbers.
sub tasks {
  my ($self, @list) = @_;
  my (@items, @numbers);
  for my $args (@list) {
    my ($n, $t) = $self->task(@$args);
    push @numbers, $n;
    push @items, $t;
  }
  $self->send({ t => 'tasks', items => \@items });
  return @numbers;
}

sub cancel {
  my ($self, @numbers) = @_;
  $self->send({ t => 'cancel',
    items => [ map { { m => '0123456789abcdefghjkmnpqr0', i => $_, a => 1 } } @numbers ] });
}

# The next message; undef at the end of the stream; dies when none comes.
sub recv {
  my ($self) = @_;
  my $until = time + $PATIENCE;
  for (;;) {
    if (length $self->{in} >= 4) {
      my $n = unpack 'V', $self->{in};
      die "frame of $n bytes\n" if $n > 5 << 20;
      if (length $self->{in} >= 4 + $n) {
        my $text = substr $self->{in}, 4, $n;
        substr($self->{in}, 0, 4 + $n) = '';
        return $json->decode($text);
      }
    }
    my $left = $until - time;
    die "no message from the runner\n"
      if $left <= 0 || !IO::Select->new($self->{fh})->can_read($left);
    my $n = sysread $self->{fh}, $self->{in}, 1 << 18, length $self->{in};
    return undef unless $n;
  }
}

# The next message that is no sign of life.
sub answer {
  my ($self) = @_;
  while (my $m = $self->recv) {
    return $m if $m->{t} ne 'ready' && $m->{t} ne 'types';
  }
  return undef;
}

# The outcome of each number, by number; stops early at the end of the stream.
sub outcomes {
  my ($self, @numbers) = @_;
  my %want = map { ($_ => 1) } @numbers;
  my %got;
  while (%want) {
    my $m = $self->answer or last;
    push @{ $self->{progress}{ $m->{i} } }, $m->{text} if $m->{t} eq 'progress';
    next if $m->{t} ne 'outcome';
    $self->{doubled}++ if $got{ $m->{i} };
    $got{ $m->{i} } = $m;
    delete $want{ $m->{i} };
  }
  return \%got;
}

# One task, one outcome.
sub run {
  my ($self, @args) = @_;
  my ($n) = $self->tasks([@args]);
  return $self->outcomes($n)->{$n};
}

# Waits for the process; its exit code, or 128 + signal.
sub wait {
  my ($self) = @_;
  return $self->{code} if defined $self->{code};
  my $until = time + $PATIENCE;
  while (waitpid($self->{pid}, POSIX::WNOHANG()) == 0) {
    if (time > $until) {
      kill 'KILL', $self->{pid};
      waitpid $self->{pid}, 0;
      return $self->{code} = 'hangs';
    }
    select undef, undef, undef, 0.01;
  }
  return $self->{code} = $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

sub quit {
  my ($self) = @_;
  $self->send({ t => 'quit' });
  return $self->wait;
}

sub kill_it {
  my ($self) = @_;
  return if defined $self->{code};
  kill 'KILL', $self->{pid};
  $self->wait;
}

sub DESTROY { local ($?, $@); $_[0]->kill_it }

1;
