# SPDX-License-Identifier: Apache-2.0
# A websocket client for tests of /v1/live: one message at a time, JSON in and out.
package Live;
use strict;
use warnings;
use IO::Socket::INET;
use IO::Select;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

sub new {
  my ($class, $s, %o) = @_;
  my $sock = IO::Socket::INET->new(Proto => 'tcp') or die $!;
  setsockopt $sock, SOL_SOCKET, SO_RCVBUF, pack 'l', $o{rcvbuf} if $o{rcvbuf};
  connect $sock, Socket::sockaddr_in($s->{port}, Socket::inet_aton($s->{host})) or die $!;
  my $key = encode_base64(join('', map { chr rand 256 } 1 .. 16), '');
  print $sock "GET /v1/live HTTP/1.1\r\nHost: $s->{host}\r\nUpgrade: websocket\r\n",
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: $key\r\n",
    "Sec-WebSocket-Protocol: sonde.live.v1\r\n\r\n";
  $sock->flush;
  my $head = '';
  while ($head !~ /\r\n\r\n/) {
    sysread $sock, $head, 1, length $head or die 'no handshake';
  }
  die "refused: $head" if $head !~ m{^HTTP/1.1 101};
  my $self = bless { sock => $sock, in => '' }, $class;
  if (exists $o{token} ? defined $o{token} : 1) {
    $self->say({ op => 'auth', token => $o{token} // $s->{token} });
    my $m = $self->next(5);
    die 'not let in' if !$m || ($m->{ok} // '') ne 'auth';
  }
  return $self;
}

sub say {
  my ($self, $message) = @_;
  my $text = ref $message ? encode_json($message) : $message;
  my $mask = pack 'N', int rand 2**32;
  my $n = length $text;
  my $size = $n < 126 ? pack('C', 128 | $n) : pack('Cn', 128 | 126, $n);
  syswrite $self->{sock}, pack('C', 129) . $size . $mask .
    ($text ^ substr($mask x (1 + $n / 4), 0, $n));
}

# The next message within so many seconds; undef when none came; { closed => CODE } at the end.
sub next {
  my ($self, $seconds) = @_;
  my $end = time + $seconds;
  my $text = '';
  while (1) {
    my ($op, $fin, $part) = $self->frame;
    if (defined $op) {
      return { closed => length $part >= 2 ? unpack('n', $part) : 1005, reason => substr $part, 2 }
        if $op == 8;
      next if $op > 2;
      $text .= $part;
      return decode_json($text) if $fin;
      next;
    }
    my $left = $end - time;
    return undef if $left <= 0 || !IO::Select->new($self->{sock})->can_read($left);
    sysread $self->{sock}, $self->{in}, 1 << 20, length $self->{in} or return { closed => 1006 };
  }
}

sub frame {
  my ($self) = @_;
  my $in = \$self->{in};
  return if length $$in < 2;
  my ($first, $n) = unpack 'CC', $$in;
  my $head = 2;
  if ($n == 126) { return if length $$in < 4; $n = unpack 'n', substr $$in, 2; $head = 4 }
  elsif ($n == 127) { return if length $$in < 10; $n = unpack 'Q>', substr $$in, 2; $head = 10 }
  return if length $$in < $head + $n;
  my $part = substr $$in, $head, $n;
  substr $$in, 0, $head + $n, '';
  return ($first & 15, $first & 128, $part);
}

# Messages until one satisfies the test (it is the last of the list), or the time is over.
sub until {
  my ($self, $seconds, $test) = @_;
  my $end = time + $seconds;
  my @seen;
  while ((my $left = $end - time) > 0) {
    my $m = $self->next($left) // last;
    push @seen, $m;
    last if $m->{closed} || $test->($m);
  }
  return @seen;
}

sub close { close $_[0]{sock} }

1;
