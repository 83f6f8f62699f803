#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# In the lab: a long bandwidth test between two nodes, 80 ms apart over lines of a known rate, beside
# iperf3 between the same namespaces. The two agree within 10 %, both ways.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(capture);
use JSON::PP;
use Lab qw(at enter netns);
use POSIX ();
use Sonde;
use Test::More;

enter('srv', qw(iperf3 tc));
my ($SECONDS, $TRIES) = ($ENV{SECONDS} // 8, 4);
# Mbit/s on the wire, of which 1,448 of 1,514 bytes are payload.
my %LINE = (up => 20, down => 10);
my %PAYLOAD = map { ($_ => $LINE{$_} * 1e6 * 1448 / 1514) } keys %LINE;


my $s = Sonde->new(host => '10.77.4.2', port => 8756);
$s->start_controller;
$s->start_node($_, netns => netns($_)) for qw(eu us);
$s->wait_online(qw(eu us));

# What leaves eu goes up, what leaves us comes down. No larger packets than the line's: they would
# come to the bucket as one.
for my $end (['eu', $LINE{up}], ['us', $LINE{down}]) {
  my ($ns, $rate) = @$end;
  capture(at($ns, qw(ethtool -K up0 tso off gso off gro off)));
  my ($rc, $text) = capture(at($ns, qw(tc qdisc add dev up0 root tbf rate), "${rate}mbit", qw(burst 16kb latency 100ms)));
  plan skip_all => "no token bucket here: $text" if $rc;
}

sub iperf {
  my ($direction) = @_;
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    open STDOUT, '>', '/dev/null';
    open STDERR, '>&', \*STDOUT;
    exec(at('us', qw(timeout 60 iperf3 -s -1 -p 5301))) or POSIX::_exit(127);
  }
  my $rate;
  # Until the server listens it is refused.
  for (1 .. 100) {
    my ($rc, $text) = capture(at('eu', qw(iperf3 -c 10.77.2.2 -p 5301 -J -t), $SECONDS, $direction eq 'down' ? '-R' : ()));
    $rate = eval { decode_json($text)->{end}{sum_received}{bits_per_second} };
    last if $rate;
    select undef, undef, undef, 0.1;
  }
  waitpid $pid, 0;
  return $rate // 0;
}

sub ours {
  my ($direction) = @_;
  my $m = $s->measure({ type => 'bandwidth', target => 'us', locations => [ { magic => 'eu' } ], timeout => 60,
    measurementOptions => { direction => $direction, duration => "${SECONDS}s", size => 100_000_000_000 } });
  my $r = $m->{results}[0]{result};
  diag encode_json($r) if $r->{status} ne 'finished';
  return $r;
}

for my $direction (qw(up down)) {
  my ($r, $theirs, $ratio);
  # A busy machine holds one of them up; it gets four chances.
  for (1 .. $TRIES) {
    ($r, $theirs) = (ours($direction), iperf($direction));
    $ratio = $theirs ? ($r->{$direction}{meanBitsPerSecond} // 0) / $theirs : 0;
    last if abs($ratio - 1) <= 0.1;
  }
  is($r->{status}, 'finished', "$direction: measured");
  ok(abs($ratio - 1) <= 0.1, sprintf '%s over %d s: %.3f Mbit/s, iperf3 %.3f (%.3f of it); the line carries %.3f', $direction,
    $SECONDS, $r->{$direction}{meanBitsPerSecond} / 1e6, $theirs / 1e6, $ratio, $PAYLOAD{$direction} / 1e6);
  cmp_ok($r->{$direction}{bitsPerSecond}, '<=', $PAYLOAD{$direction} * 1.05, "$direction: no more than the line carries");
  cmp_ok($r->{rtt}{idle}{min}, '>=', 80, "$direction: the round trip before it");
  cmp_ok($r->{rtt}{loaded}{max}, '>', $r->{rtt}{idle}{min}, "$direction: and longer under load");
}
done_testing;
