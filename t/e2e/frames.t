#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Websockets of a real controller under changed frames and under floods: it lives, closes with the
# right code, keeps its memory, and goes on to measure. SONDE_FRAMES: how many changed frames (some
# 100,000 otherwise); SONDE_SEED: the seed that a failure printed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use JSON::PP;
use Sonde;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { PATIENCE => 60, NODES => 8 };

my $bld = $ENV{top_builddir} || '.';
my $s = Sonde->new;
$s->start_controller('--log-level', 'error');
$s->start_nodes('eu');
my $pid = $s->{pids}{controller};
local $SIG{PIPE} = 'IGNORE';

sub anon_kib {
  open my $f, '<', "/proc/$pid/status" or return 0;
  my ($kib) = map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$f>;
  return $kib;
}

my @nodes = map { $s->post('/v1/nodes/register', { name => "storm-$_", token => $s->registration_token,
  region => 'eu-west', country => 'DE' })->{json} } 1 .. NODES;
open my $file, '>', "$s->{dir}/nodes" or die $!;
print $file "$_->{id} $_->{key}\n" for @nodes;
close $file;

sub storm {
  my ($frames, $seed) = @_;
  open my $out, '-|', "$bld/t/e2e/storm", '-t', $s->{token}, '-f', "$s->{dir}/nodes", '-s', $seed,
    '-n', $frames, $s->{host}, $s->{port} or die $!;
  my $text = <$out> // '';
  return close $out && eval { decode_json($text) } || { frames => 0 };
}

# ---- changed frames
subtest 'changed frames' => sub {
  my $frames = $ENV{SONDE_FRAMES} || 100_000;
  my $seed = $ENV{SONDE_SEED} || 1 + int rand 1e9;
  diag "SONDE_SEED=$seed SONDE_FRAMES=$frames";
  storm(10_000, $seed); # buffers and the store's caches have their size then
  my $before = anon_kib();
  my $r = storm($frames, $seed + 1);
  cmp_ok($r->{frames}, '>=', $frames, 'all were sent');
  ok(kill(0, $pid), 'the controller lives');
  cmp_ok($r->{tokens}, '>', 0, 'some with a token');
  cmp_ok($r->{welcomes}, '>', 0, 'some as a node');
  cmp_ok($r->{answers}, '>', $r->{connections} / 4, 'many were answered');
  cmp_ok($r->{closes}{$_} // 0, '>', 0, "some were closed with $_") for 1002, 1003, 1007, 4400;
  # Whoever is closed is told why; only a reset on the way may take that from it.
  my %known = map { $_ => 1 } 1000 .. 1003, 1007 .. 1011, 1013, 3000 .. 4999;
  is_deeply([ grep { !$known{$_} } keys %{ $r->{closes} } ], [], 'no close code is made up');
  my $grown = anon_kib() - $before;
  diag(JSON::PP->new->canonical->encode({ %$r, grown_kib => $grown }));
  cmp_ok($grown, '<=', 10 << 10, "memory: $grown KiB more") if !$s->sanitized;
  is($s->measure({ type => 'echo', target => 'x' })->{status}, 'finished', 'all is well');
};

# ---- floods
my %protocol = ('/v1/live' => 'sonde.live.v1', '/v1/nodes/connect' => 'sonde.node.v1');

sub upgrade {
  my ($path, $headers) = @_;
  my $sock = IO::Socket::INET->new(PeerAddr => $s->{host}, PeerPort => $s->{port}, Timeout => PATIENCE)
    or die "connect: $!";
  print $sock "GET $path HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" .
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" .
    "Sec-WebSocket-Protocol: $protocol{$path}\r\n" . ($headers // '') . "\r\n";
  $sock->flush;
  my $head = '';
  while ($head !~ /\r\n\r\n\z/) { sysread $sock, $head, 1, length $head or die "no answer: $head" }
  like($head, qr{^HTTP/1\.1 101 }, "$path: open");
  unlike($head, qr/sec-websocket-extensions/i, 'and nothing was agreed on') if $headers;
  return $sock;
}

# A mask of zeros is a mask.
sub frame {
  my ($first, $text) = @_;
  my $n = length $text;
  my $len = $n < 126 ? chr(0x80 | $n) : $n < 65536 ? pack('Cn', 0xfe, $n) : pack('CQ>', 0xff, $n);
  return chr($first) . $len . "\0\0\0\0" . $text;
}

# Sends the bytes again and again until the peer closes; its code, 1006 when it told none.
my $longest = 0;
sub until_closed {
  my ($sock, $bytes) = @_;
  my $start = time;
  my @end = flood_it($sock, $bytes);
  $longest = time - $start if time - $start > $longest;
  return @end;
}

sub flood_it {
  my ($sock, $bytes) = @_;
  my ($in, $end, $off) = ('', time + PATIENCE, 0);
  $sock->blocking(0);
  while (time < $end) {
    my $sent = length $bytes ? syswrite($sock, $bytes, length($bytes) - $off, $off) : 0;
    $off = ($off + $sent) % length $bytes if $sent;
    my $got = sysread $sock, $in, 65536, length $in;
    while (length $in >= 2) {
      my ($first, $n) = unpack 'CC', $in;
      my $at = $n < 126 ? 2 : $n == 126 ? 4 : 10;
      last if length $in < $at;
      $n = unpack $at == 4 ? 'n' : 'Q>', substr $in, 2 if $at > 2;
      last if length $in < $at + $n;
      my $payload = substr $in, $at, $n;
      substr($in, 0, $at + $n) = '';
      return (unpack('n', $payload), substr $payload, 2) if $first == 0x88;
    }
    return (1006, 'closed without a word') if defined $got && $got == 0;
    return (1006, "$!") if !defined $got && !$!{EAGAIN};
    sleep 0.002 if !$sent && !defined $got;
  }
  return (0, 'still open');
}

my $block = 2000;
my %flood = (
  'pings' => [ [ 1008 ], '', frame(0x89, 'x') x $block ],
  'pongs' => [ [ 1008 ], '', frame(0x8a, 'x') x $block ],
  'a message that never ends, a byte a frame' => [ [ 1008 ], frame(0x01, 'x'), frame(0x00, 'x') x $block ],
  'a message that never ends, nothing a frame' => [ [ 1008 ], frame(0x01, ''), frame(0x00, '') x $block ],
  'a message that never ends, 60,000 bytes a frame' => [ [ 1009 ], frame(0x01, 'x'), frame(0x00, 'x' x 60_000) ],
);
for my $path (sort keys %protocol) {
  for my $what (sort keys %flood) {
    my ($codes, $first, $bytes) = @{ $flood{$what} };
    my $sock = upgrade($path);
    print $sock $first;
    $sock->flush;
    my ($code, $why) = until_closed($sock, $bytes);
    ok((grep { $code == $_ } @$codes), "$path: $what: $code $why");
  }
  my $sock = upgrade($path, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
  my ($code) = until_closed($sock, "\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\0");
  is($code, 1002, "$path: a compressed message: 1002");
}

# ---- too long
for (['/v1/live', 64 << 10], ['/v1/live', 16 << 10], ['/v1/nodes/connect', 4 << 20]) {
  my ($path, $most) = @$_;
  my $sock = upgrade($path);
  print $sock substr frame(0x81, 'x' x ($most + 1)), 0, 14;
  $sock->flush;
  is_deeply([ until_closed($sock, '') ], [ 1009, 'the message is too long' ],
    "$path: " . ($most + 1) . ' bytes: 1009, before they have come');
}

# ---- what is right, too often
my $before = anon_kib();
my $sock = upgrade('/v1/live');
my ($code, $why) = until_closed($sock, frame(0x81, '{"op":"unsubscribe","id":"a"}') x $block);
is("$code $why", '1008 too many frames', '/v1/live: requests without end');
$sock = upgrade('/v1/nodes/connect');
print $sock frame(0x81, encode_json({ t => 'hello', node => $nodes[0]{id}, key => $nodes[0]{key},
  version => '0', epoch => 1, first => 1, last => 0, wallMs => 1, capacity => 1,
  plugins => { plugins => [] } }));
$sock->flush;
($code, $why) = until_closed($sock, frame(0x81, '{"t":"accept","items":[]}') x $block);
is("$code $why", '1008 too many frames', 'a node: messages of nothing without end') if !$s->sanitized;
cmp_ok(anon_kib() - $before, '<=', 10 << 10, 'memory is bounded') if !$s->sanitized;
diag sprintf 'floods, and what is too long: closed after %.2f s at most (goal 1)', $longest;
ok(kill(0, $pid), 'the controller lives');
is($s->measure({ type => 'echo', target => 'x' })->{status}, 'finished', 'all is well');
done_testing;
