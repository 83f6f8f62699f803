#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Requests of every kind, good and malformed, several in one write and in pieces of any size, with bytes
# changed at random and peers that leave at any moment. The controller serves on and ends well, which
# under a sanitizer means: nothing leaked, nothing read behind its end. SONDE_CONNECTIONS of them (1500),
# SONDE_SEED for others than the same each time.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Socket qw(SOL_SOCKET SO_LINGER);
use Sonde;
use Test::More;
use Time::HiRes qw(time sleep);

my $seed  = $ENV{SONDE_SEED} // 1;
my $total = $ENV{SONDE_CONNECTIONS} // 1500;
srand $seed;
$SIG{PIPE} = 'IGNORE';

my $s = Sonde->new;
$s->start_controller('--limit-anonymous', 1_000_000_000);

sub head { my ($line, @fields) = @_; return join("\r\n", "$line HTTP/1.1", 'Host: x', @fields) . "\r\n\r\n" }
sub body { my ($line, $body, @fields) = @_; return head($line, @fields, 'Content-Length: ' . length $body) . $body }
sub upgrade {
  my ($path, $protocol) = @_;
  return head("GET $path", 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', "Sec-WebSocket-Protocol: $protocol");
}

my $admin = "Authorization: Bearer $s->{token}";
my $live  = upgrade('/v1/live', 'sonde.live.v1');
my @requests = (
  (map { head("GET $_") } '/ready', '/v1/spec.yaml', '/ui/', '/a%00b', '/' . 'a' x 9000, '/ready?' . join '&', map { "a$_=b" } 1 .. 50),
  (map { head("GET $_", $admin) } '/v1/nodes', '/v1/export', '/v1/results', '/v1/stats'),
  head('GET /metrics', $admin, 'Accept-Encoding: gzip'), head('HEAD /v1/spec.yaml'), head('GET /', 'X: ' . 'b' x 5000),
  "GET / HTTP/1.0\r\n\r\n", head('GET /ready', 'Connection: close'), head('CONNECT x:443'), head('OPTIONS *'),
  head('OPTIONS /v1/nodes', 'Origin: http://a'), head('TRACE /'), head('SUBSCRIBE /'), head('POST http://x/ready'),
  head('DELETE /v1/nodes/x'), head('PATCH /v1/nodes/x'),
  body('POST /v1/auth/login', '{"name":"ada","password":"not this one"}'), body('POST /v1/auth/logout', ''),
  body('POST /v1/measurements', '{"type":"ping","target":', $admin), body('POST /v1/backup', '', $admin),
  body('POST /v1/plugins/reload', '', $admin), body('POST /x', 'hello', 'Expect: 100-continue'),
  substr(body('PUT /x', 'y' x 2_000_000), 0, 3000),
  head('POST /', 'Transfer-Encoding: chunked') . "5\r\nhello\r\n0\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", head('GET /', 'Upgrade: h2c', 'Connection: Upgrade', 'HTTP2-Settings: AA'),
  $live, upgrade('/v1/nodes/connect', 'sonde.node.v1'), $live . pack('CCN', 0x81, 0x85, 0x01020304) . 'abcde',
  head('GET /v1/live', 'Connection: Upgrade', 'Upgrade: raw'), pack('CCN', 0x89, 0x80, 5), "\r\n", "\n", "\0",
);

sub some_requests {
  my $text = join '', map { $requests[ rand @requests ] } 0 .. rand 5;
  for (0 .. rand 3) { substr($text, rand length $text, 1) = chr rand 256 if rand() < 0.2 }
  substr($text, rand length $text) = '' if rand() < 0.1;
  return $text;
}

my (%answers, @open, $made);
sub turn {
  my ($c) = @_;
  if (length $c->{text} && rand() < 0.7) {
    my $n = syswrite $c->{socket}, $c->{text}, rand() < 0.5 ? length $c->{text} : 1 + int rand 200;
    substr($c->{text}, 0, $n) = '' if defined $n;
    $c->{over} ||= !defined $n && !$!{EAGAIN};
  }
  my $n = sysread $c->{socket}, my $in, 65536;
  $answers{$1}++ while ($in // '') =~ m{HTTP/1\.1 (\d\d\d)}g;
  $c->{over} ||= defined $n ? !$n : !$!{EAGAIN};
  return 1 if !$c->{over} && time < $c->{until};
  setsockopt $c->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if rand() < 0.3;
  close $c->{socket};
  return 0;
}

for ($made = 0; $made < $total || @open;) {
  while (@open < 40 && $made < $total) {
    my $socket = IO::Socket::INET->new(PeerAddr => $s->{host}, PeerPort => $s->{port}) or last;
    $socket->blocking(0);
    push @open, { socket => $socket, text => some_requests(), until => time + rand 1.5 };
    $made++;
  }
  last if !@open;
  @open = grep { turn($_) } @open;
  sleep 0.001;
}
is($made, $total, "$total connections, seed $seed");
note(join ' ', map { "$_:$answers{$_}" } sort keys %answers);
ok($answers{200} && $answers{400} && $answers{101}, 'some were good, some were not');
is($s->get('/ready')->{status}, 200, 'the controller serves');
is($s->kill('controller', 'TERM'), 0, 'and ends well') or diag $s->log('controller');
done_testing;
