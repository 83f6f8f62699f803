#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Bandwidth between two nodes, through the real programs: both ends are booked, strangers at the port
# change nothing, and two tests never meet at a node.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use POSIX ();
use Sonde;
use JSON::PP;
use Test::More;

my $s = Sonde->new;
$s->start_controller;
$s->start_node($_, flags => { region => $_ }) for qw(a b c);
$s->wait_online(qw(a b c));

my $port = Sonde::free_port();

sub ask {
  my ($request) = @_;
  my $r = $s->post('/v1/measurements', $request);
  return ($r->{status}, $r->{json});
}

sub test {
  my ($from, $target, %options) = @_;
  return $s->measure({ type => 'bandwidth', target => $target,
    locations => [ map { { magic => $_ } } @$from ], measurementOptions => { port => $port, %options } });
}

my $m = test(['a'], 'b', size => 50_000_000);
my ($r, $other) = @{ $m->{results}[0] }{qw(result receiver)};
is($m->{probesCount}, 1, 'one node measures');
is($r->{status}, 'finished', 'the test finished') or diag encode_json($m);
is($r->{up}{bytes}, 50_000_000, 'all bytes arrived upwards');
is($r->{down}{bytes}, 50_000_000, 'and downwards');
cmp_ok($r->{$_}{bitsPerSecond}, '>', 100e6, "$_: a rate of loopback's kind") for qw(up down);
ok($r->{rtt}{idle}{count} >= 5, 'round trips before the load');
is($other->{status}, 'finished', 'the target node tells its half');
is($other->{role}, 'receive', 'as the receiver');
is($other->{up}{bytes}, 50_000_000, 'with what came');
like($r->{rawOutput}, qr/up +50\.00 MBytes.*Mbits\/sec/, 'the text says so');
unlike(encode_json($m), qr/pair_/, 'the token is shown nowhere');

$m = test(['a'], 'b', direction => 'up', streams => 4, size => 8_000_000);
$r = $m->{results}[0]{result};
is($r->{up}{bytes}, 8_000_000, 'four streams share the bytes');
is($r->{down}, undef, 'a direction not asked for is null');
$m = test(['a'], 'b', direction => 'down', size => 8_000_000);
$r = $m->{results}[0]{result};
is($r->{up}, undef, 'down only: nothing upwards');
is($r->{down}{bytes}, 8_000_000, 'all bytes downwards');
$m = test(['a'], 'b', direction => 'up', size => 100_000_000_000, duration => '300ms');
$r = $m->{results}[0]{result};
cmp_ok($r->{up}{duration}, '<', 3000, 'the duration ends a test of any size');

# All against all at the same time: each waits for its turn, none fails.
my @ids = map { my ($x, $y) = @$_; (ask({ type => 'bandwidth', target => $y,
    locations => [ { magic => $x } ],
    measurementOptions => { port => $port, size => 30_000_000 } }))[1]{id} }
  (['a', 'b'], ['b', 'a'], ['a', 'c'], ['c', 'b'], ['b', 'c'], ['c', 'a']);
for my $id (@ids) {
  $m = $s->finished($id);
  is($m->{results}[0]{result}{status}, 'finished', "$m->{target} was measured")
    or diag encode_json($m);
}

# A stranger with the right address and no token, and one who says nothing.
my $id = (ask({ type => 'bandwidth', target => 'b', locations => [ { magic => 'a' } ],
  measurementOptions => { port => $port, size => 100_000_000_000, duration => '2s' } }))[1]{id};
my @strangers;
for (1 .. 40) {
  my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
  push @strangers, $c if $c;
  print $c "SONDE-BW1 wrong c 1 1 1 1\n" if $c && $_ % 2;
  select undef, undef, undef, 0.01;
}
$m = $s->finished($id);
is($m->{results}[0]{result}{status}, 'finished', 'strangers at the port change nothing')
  or diag encode_json($m);
ok(!IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port"), 'nobody listens after the test');

# The port is taken: the sender's result says it was refused or not spoken to, the receiver why.
my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '0.0.0.0', LocalPort => $port,
  ReuseAddr => 1) or die "no port: $!";
$m = test(['a'], 'b', size => 1_000_000);
isnt($m->{results}[0]{result}{status}, 'finished', 'a taken port fails');
like($m->{results}[0]{receiver}{failureMessage}, qr/Cannot listen on port $port/, 'and says why');
close $taken;
$m = test(['a'], 'b', size => 1_000_000);
is($m->{results}[0]{result}{status}, 'finished', 'both slots are free again');

# A download from a URL: so many bytes, of which only the first are kept.
my $web = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "no port: $!";
my $server = fork // die;
if (!$server) {
  $SIG{PIPE} = 'IGNORE';
  my $c = $web->accept or POSIX::_exit(1);
  sysread $c, my $head, 4096;
  print $c "HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n";
  print $c 'x' x 1_000_000 or last for 1 .. 50;
  POSIX::_exit(0); # no end of the programs that the test started
}
$m = $s->measure({ type => 'http', target => '127.0.0.1', locations => [ { magic => 'a' } ],
  measurementOptions => { protocol => 'HTTP', port => $web->sockport, download => 8_000_000 } });
kill 'KILL', $server;
waitpid $server, 0;
$r = $m->{results}[0]{result};
is($r->{status}, 'finished', 'a download from a URL') or diag encode_json($m);
ok($r->{rate}{bytes} >= 8_000_000 && $r->{rate}{bytes} < 9_000_000, 'ends when enough came');
cmp_ok($r->{rate}{bitsPerSecond}, '>', 1e6, 'with its rate');
is($r->{truncated}, JSON::PP::true, 'and the body is not kept');

# What a user may not do.
my ($code, $e) = ask({ type => 'bandwidth', target => 'nobody' });
is($code, 400, 'the target must be a node');
like($e->{error}{params}{target}, qr/id or the name of a node/, 'and the error says so');
($code, $e) = ask({ type => 'bandwidth', target => 'b',
  measurementOptions => { role => 'receive', peer => '127.0.0.1', token => 'x' } });
is($code, 400, 'a user cannot play the controller');
like(encode_json($e), qr/filled by the controller/, 'and is told so');
($code, $e) = ask({ type => 'bandwidth', target => 'b',
  locations => [ { magic => 'b' } ] });
is($code, 422, 'a node is not measured against itself');
done_testing;
