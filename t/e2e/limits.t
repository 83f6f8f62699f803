#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The owner's own limits of a node, for every type: targets, packets a second, bits a second. The
# controller allows all of it and says otherwise; the owner wins.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use JSON::PP;
use Sonde;
use Test::More;
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);

my $s = Sonde->new;
$s->start_controller;
my %node = (
  open   => {},
  narrow => { 'limits-targets' => '127.0.0.2/32, 127.0.0.3/32' },
  slow   => { 'limits-packets-per-second' => 5 },
  thin   => { 'limits-bits-per-second' => 40_000_000 },
);
$s->start_node($_, flags => $node{$_}) for sort keys %node;
$s->wait_online(sort keys %node);

sub on {
  my ($node, $type, $target, %o) = @_;
  my $m = $s->measure({ type => $type, target => $target, timeout => 20, locations => [ { node => $node } ],
    measurementOptions => \%o }, 60);
  return $m->{results}[0]{result};
}

# A web server whose one answer is large.
my $size = 10_000_000;
my $listen = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1') or die $!;
my $web = fork() // die $!;
if (!$web) {
  $SIG{PIPE} = 'IGNORE';
  while (my $c = $listen->accept) {
    while (defined(my $line = <$c>)) { last if $line !~ /\S/ }
    print $c "HTTP/1.1 200 OK\r\nContent-Length: $size\r\nConnection: close\r\n\r\n", 'x' x $size;
    close $c;
  }
  POSIX::_exit(0);
}
END { kill 'KILL', $web if $web }
my $port = $listen->sockport;

my %probe = (
  dns => [ 'example.com', resolver => '127.0.0.1', wait => '200ms', tries => 1 ],
  http => [ '127.0.0.1', protocol => 'HTTP', port => $port ],
  mtr => [ '127.0.0.1', packets => 1, maxHops => 2, wait => '200ms' ],
  ntp => [ '127.0.0.1', samples => 1, wait => '200ms' ],
  ping => [ '127.0.0.1', packets => 1 ],
  tcp => [ '127.0.0.1', port => $port, count => 1 ],
  tls => [ '127.0.0.1', port => $port ],
  traceroute => [ '127.0.0.1' ],
  udp => [ '127.0.0.1', port => 9, wait => '200ms' ],
  sweep => [ '127.0.0.1/32' ],
);
my %built = map { $_->{name} => 1 } @{ $s->get('/v1/plugins')->{json} };
my %none = map { $_ => 1 } qw(echo faulty bandwidth shift);
is_deeply([ sort grep { !$probe{$_} && !$none{$_} } keys %built ], [], 'every type that reaches for a target is tried here');

subtest 'targets' => sub {
  for my $type (sort grep { $built{$_} } keys %probe) {
    my ($target, %o) = @{ $probe{$type} };
    my $refused = on('narrow', $type, $target, %o);
    my $other = on('open', $type, $target, %o);
    is($refused->{failure} // $refused->{status}, 'guard', "$type: not a target of this owner") or diag encode_json($refused);
    isnt($other->{failure} // '', 'guard', "$type: elsewhere it is one");
  }
  is(on('narrow', 'ping', '127.0.0.2', packets => 1)->{status}, 'finished', 'a target of this owner');
  my ($code) = $s->cli('node', 'configure', 'narrow', 'limits.targets=');
  isnt($code, 0, 'the controller has no word in it');
};

subtest 'packets' => sub {
  my $r = on('slow', 'ping', '127.0.0.1', packets => 3, interval => '1ms');
  is($r->{status}, 'finished', 'a ping runs') or diag encode_json($r);
  cmp_ok($r->{durationMs}, '>=', 400, 'at five packets a second, whatever it asked for');
  # Asked for at once: they wait for each other, and more than its time allows are too many.
  my ($ran, $refused) = (0, 0);
  my $round = sub {
    my $r = $s->post('/v1/measurements', [ map { { type => 'ping', target => '127.0.0.1',
      locations => [ { node => 'slow' } ], measurementOptions => { packets => 5, interval => '1ms' } } } 1 .. 30 ]);
    my @results = map { $s->finished($_->{id})->{results}[0]{result} } @{ $r->{json} };
    $ran += grep { $_->{status} eq 'finished' } @results;
    my $over = grep { ($_->{failure} // '') eq 'overload' } @results;
    $refused += $over;
    return $over;
  };
  my $start = clock_gettime(CLOCK_MONOTONIC);
  ok($s->until(60, $round), 'what is too much is refused');
  $s->cli('node', 'configure', 'slow', 'packetsPerSecond=10000');
  ok($s->until(20, sub { my $n = $s->node('slow'); $n->{config}{acknowledged} == $n->{config}{version} }),
    'the controller asks for more');
  ok($s->until(60, $round), 'and does not get it');
  my $took = clock_gettime(CLOCK_MONOTONIC) - $start;
  cmp_ok($ran, '>', 4, 'what can wait is not refused');
  cmp_ok($ran * 5, '<=', 5 * ($took + 1) + 5, sprintf '%d pings ran, %d were refused', $ran, $refused);
  is(on('slow', 'echo', 'x')->{status}, 'finished', 'what sends nothing is not limited');
};

subtest 'bits' => sub {
  my $ask = { protocol => 'HTTP', port => $port, request => { method => 'GET' }, download => $size };
  my ($start, $bits) = (clock_gettime(CLOCK_MONOTONIC), 0);
  for (1 .. 3) {
    my $r = on('thin', 'http', '127.0.0.1', %$ask);
    is($r->{status}, 'finished', 'a download ends') or diag encode_json($r);
    $bits += 8 * ($r->{rate}{bytes} // 0);
  }
  my $rate = $bits / (clock_gettime(CLOCK_MONOTONIC) - $start);
  cmp_ok($bits, '>=', 3 * 8 * $size, 'all of it came');
  # What the last callback read is paid off after the end.
  cmp_ok($rate, '<=', 40_000_000 * 1.3, sprintf '%.1f Mbit/s of 40', $rate / 1e6);
};
done_testing;
