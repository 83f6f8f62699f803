# SPDX-License-Identifier: Apache-2.0
# A program on a pseudo terminal, and the screen that its sequences make: text and the attributes of
# each cell. It knows what `sonde top` uses and dies of anything else.
package Terminal;
use strict;
use warnings;
use Encode qw(decode);
use POSIX qw(:sys_wait_h setsid);
use Time::HiRes qw(sleep time);

use constant {
  TIOCGPTN => 0x80045430, TIOCSPTLCK => 0x40045431, TIOCSWINSZ => 0x5414, TIOCSCTTY => 0x540e,
};

sub new {
  my ($class, $rows, $columns, @command) = @_;
  open my $master, '+<', '/dev/ptmx' or die "/dev/ptmx: $!";
  my $number = pack 'i', 0;
  ioctl $master, TIOCSPTLCK, $number or die "unlock: $!";
  ioctl $master, TIOCGPTN, $number or die "number: $!";
  my $path = '/dev/pts/' . unpack 'i', $number;
  open my $slave, '+<', $path or die "$path: $!";
  my $self = bless { master => $master, slave => $slave, path => $path, rows => $rows, columns => $columns,
    screen => 'main', main => [], other => [], at => [0, 0], style => '', left => '', cursor => 1 }, $class;
  $self->size($rows, $columns);
  $self->{before} = $self->modes;
  $self->{pid} = fork() // die "fork: $!";
  if (!$self->{pid}) {
    setsid();
    ioctl $slave, TIOCSCTTY, 0;
    POSIX::dup2(fileno $slave, $_) for 0 .. 2;
    $ENV{TERM} = 'xterm-256color';
    delete $ENV{NO_COLOR};
    exec @command or POSIX::_exit(127);
  }
  return $self;
}

sub size {
  my ($self, $rows, $columns) = @_;
  @$self{qw(rows columns)} = ($rows, $columns);
  ioctl $self->{master}, TIOCSWINSZ, pack 'SSSS', $rows, $columns, 0, 0 or die "size: $!";
}

# The modes of the terminal, as one text.
sub modes {
  my ($self) = @_;
  my $t = POSIX::Termios->new;
  $t->getattr(fileno $self->{slave}) // die "modes: $!";
  return join ' ', $t->getiflag, $t->getoflag, $t->getcflag, $t->getlflag;
}

sub type { syswrite $_[0]{master}, $_[1] }

# Takes what the program has written by now.
sub read {
  my ($self) = @_;
  my $ready = '';
  while (1) {
    vec($ready = '', fileno $self->{master}, 1) = 1;
    last unless select $ready, undef, undef, 0;
    sysread $self->{master}, $self->{left}, 1 << 16, length $self->{left} or last;
  }
  $self->run;
}

sub until {
  my ($self, $seconds, $test) = @_;
  my $end = time + $seconds;
  while (1) {
    $self->read;
    return 1 if $test->($self);
    return 0 if time > $end;
    sleep 0.05;
  }
}

my %modes = ('?1049' => sub { $_[0]{screen} = $_[1] ? 'other' : 'main' },
  '?25' => sub { $_[0]{cursor} = $_[1] }, '?7' => sub { });

sub run {
  my ($self) = @_;
  for ($self->{left}) {
    while (length) {
      if (s/^\e\[(\?\d+)([hl])//) { ($modes{$1} || die "mode $1")->($self, $2 eq 'h') }
      elsif (s/^\e\[([0-9;]*)m//) { $self->{style} = $1 eq '0' ? '' : "$self->{style}$1;" }
      elsif (s/^\e\[H//)  { $self->{at} = [0, 0] }
      elsif (s/^\e\[K//)  { $self->cut }
      elsif (s/^\e\[2J//) { $self->{ $self->{screen} } = [] }
      elsif (s/^\e\[J//)  { $self->cut; $#{ $self->{ $self->{screen} } } = $self->{at}[0] }
      elsif (s/^\r//)     { $self->{at}[1] = 0 }
      elsif (s/^\n//)     { $self->{at}[0]++ }
      elsif (/^\e\[?[0-9;?]*$/) { last }
      elsif (/^\e/)       { die 'unknown sequence: ' . unpack 'H*', substr $_, 0, 12 }
      elsif (s/^([^\e\r\n]+)//) { $self->put($1) }
    }
  }
}

sub cut {
  my ($self) = @_;
  my ($row, $column) = @{ $self->{at} };
  my $line = $self->{ $self->{screen} }[$row] ||= [];
  $#$line = $column - 1 if @$line > $column;
}

sub put {
  my ($self, $bytes) = @_;
  my $line = $self->{ $self->{screen} }[ $self->{at}[0] ] ||= [];
  for my $char (split //, decode('UTF-8', $bytes)) {
    $line->[ $self->{at}[1]++ ] = [$char, $self->{style}];
  }
}

sub lines {
  my ($self) = @_;
  return map { my $l = $_; join '', map { $_ ? $_->[0] : ' ' } @{ $l || [] } } @{ $self->{ $self->{screen} } };
}

sub text { join "\n", $_[0]->lines }

# The text of the cells that have this attribute (an SGR number).
sub styled {
  my ($self, $sgr) = @_;
  return join '', map { my $l = $_; map { $_ && ";$_->[1]" =~ /;\Q$sgr\E;/ ? $_->[0] : () } @{ $l || [] } }
    @{ $self->{ $self->{screen} } };
}

# The exit code, or 128 + signal; undef when it does not end in time.
sub end {
  my ($self, $seconds) = @_;
  my $end = time + $seconds;
  while (time < $end) {
    $self->read;
    if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
      my $status = $?;
      delete $self->{pid};
      $self->read;
      return $status & 127 ? 128 + ($status & 127) : $status >> 8;
    }
    sleep 0.02;
  }
  return undef;
}

sub DESTROY {
  my ($self) = @_;
  local ($?, $!);
  return unless $self->{pid};
  kill 'KILL', $self->{pid};
  waitpid $self->{pid}, 0;
}

1;
