# SPDX-License-Identifier: Apache-2.0
# A node that says what a test wants: it registers and speaks the wire protocol, and nothing else.
package FakeNode;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(time);

sub new {
  my ($class, $s, $name, %facts) = @_;
  my $r = $s->post('/v1/nodes/register', { token => $s->registration_token, name => $name, region => 'eu', %facts }, token => undef);
  die "not registered: $r->{status} $r->{content}" if $r->{status} != 201;
  return bless { s => $s, name => $name, id => $r->{json}{id}, key => $r->{json}{key}, in => '', seq => 0 }, $class;
}

sub connect {
  my ($self) = @_;
  my $s = $self->{s};
  my $sock = $self->{sock} = IO::Socket::INET->new(PeerAddr => $s->{host}, PeerPort => $s->{port}, Timeout => 10) or die $!;
  $sock->autoflush(1);
  $self->{in} = '';
  print $sock "GET /v1/nodes/connect HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" .
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sonde.node.v1\r\n\r\n";
  my $head = '';
  while ($head !~ /\r\n\r\n/) { sysread $sock, $head, 1, length $head or die "no handshake: $head" }
  return $self;
}

# plugins: JSON of the description.
sub hello {
  my ($self, $plugins, %o) = @_;
  my %hello = (t => 'hello', node => $self->{id}, key => $self->{key}, version => '1.0', epoch => 1, first => 1,
    last => 0, wallMs => int(time * 1000), capacity => $o{capacity} // 100, schedules => 0, config => 0);
  my $text = encode_json(\%hello);
  $text =~ s/\}$/,"plugins":$plugins}/;
  $self->say($text);
}

sub say {
  my ($self, $text) = @_;
  my $n = length $text;
  my $size = $n < 126 ? pack('C', 128 | $n) : $n < 65536 ? pack('Cn', 128 | 126, $n) : pack('CQ>', 128 | 127, $n);
  local $SIG{PIPE} = 'IGNORE';
  my $all = pack('C', 129) . $size . "\0\0\0\0" . $text;
  for (my $at = 0; $at < length $all;) {
    $at += syswrite($self->{sock}, $all, 1 << 16, $at) || return 0;
  }
  return 1;
}

sub beat {
  my ($self) = @_;
  return $self->say(encode_json({ t => 'beat', wallMs => int(time * 1000), map { $_ => 0 } qw(load responseMs errorRate probes
    active queued spoolBytes spoolCount) }));
}

# One result, as JSON: of a task, or of a measurement that nobody asked for.
sub result {
  my ($self, $body, $task) = @_;
  my %r = (seq => ++$self->{seq}, m => $task ? $task->{m} : '01J00000000000000000000000', i => $task ? $task->{i} : 0,
    a => $task ? $task->{a} : 1, startedMs => int(time * 1000), tookUs => 1000);
  my $text = encode_json(\%r);
  $text =~ s/\}$/,"body":$body}/;
  return $text;
}

sub results {
  my ($self, @results) = @_;
  return $self->say('{"t":"results","epoch":1,"items":[' . join(',', @results) . ']}');
}

# The next message within so many seconds: decoded, or { closed => CODE, reason => TEXT }, or undef.
sub next {
  my ($self, $seconds) = @_;
  my $end = time + $seconds;
  my $in = \$self->{in};
  while (1) {
    my ($first, $n) = unpack 'CC', $$in;
    my $head = 2;
    if (defined $n && $n == 126) { $n = length $$in < 4 ? undef : unpack 'n', substr $$in, 2; $head = 4 }
    elsif (defined $n && $n == 127) { $n = length $$in < 10 ? undef : unpack 'Q>', substr $$in, 2; $head = 10 }
    if (defined $n && length $$in >= $head + $n) {
      my $part = substr $$in, $head, $n;
      substr $$in, 0, $head + $n, '';
      return { closed => unpack('n', $part) // 1005, reason => substr $part, 2 } if ($first & 15) == 8;
      next if ($first & 15) > 2;
      return decode_json($part);
    }
    my $left = $end - time;
    return undef if $left <= 0 || !IO::Select->new($self->{sock})->can_read($left);
    sysread $self->{sock}, $$in, 1 << 20, length $$in or return { closed => 1006, reason => '' };
  }
}

# The first message that the test wants, or the close.
sub wait_for {
  my ($self, $kind, $seconds) = @_;
  my $end = time + $seconds;
  while ((my $left = $end - time) > 0) {
    my $m = $self->next($left) or return undef;
    return $m if $m->{closed} || $m->{t} eq $kind;
  }
  return undef;
}

1;
