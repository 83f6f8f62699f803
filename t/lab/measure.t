#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# In the lab: `sonde ping` from three regions shows the delays of the links between them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Lab qw(enter netns);
use Sonde;
use JSON::PP;
use Test::More;

enter('srv');

my $s = Sonde->new(host => '10.77.4.2', port => 8756);
$s->start_controller;
my %city = (eu => 'Frankfurt', us => 'Ashburn', ap => 'Mumbai');
$s->start_node($_, netns => netns($_), flags => { region => $_, city => $city{$_} })
  for sort keys %city;
$s->wait_online(sort keys %city);

# The controller is another machine here, and there is no TLS: everybody is told.
is($s->node('eu')->{insecure}, JSON::PP::true, 'a link in clear text shows');
like($s->node('eu')->{note}, qr/not encrypted/, 'in the note, too');
like($s->log('eu'), qr/warn +link: .* not encrypted \(--insecure\)/, 'and in the log of the node');
like(($s->cli('doctor'))[1], qr/^warn +nodes +3 are not encrypted/m, 'sonde doctor warns');
{
  local $ENV{SONDE_INSECURE} = '';
  is(($s->cli('node', 'ls'))[0], 2, 'without --insecure the client refuses it');
}

# One way delays are in the lab's table; the target hangs on the router of ap.
my %expected = (eu => 130, us => 180, ap => 0);
my ($rc, $out, $err) = $s->cli('ping', 'target.lab.test', 'from', 'eu,us,ap', '--limit', 3, '-o',
  'json');
is($rc, 0, 'sonde ping from three regions') or diag $err;
my $m = decode_json($out);
for my $r (@{ $m->{results} }) {
  my ($name, $min) = ($r->{probe}{name}, $r->{result}{stats}{min} // -1);
  ok($min >= $expected{$name} && $min < $expected{$name} + 1000,
    "$name: about $expected{$name} ms (says $min)") or diag encode_json($r->{result});
  is($r->{result}{resolvedAddress}, '10.77.5.2', "$name: resolved by the DNS of the lab");
}
cmp_ok($s->node('eu')->{live}{rttMs}, '>=', 60, 'the controller is far from eu');
ok($s->until(30, sub { $s->node('us')->{live}{rttMs} < 60 }), 'and near us')
  or diag $s->node('us')->{live}{rttMs};

$m = $s->measure({ type => 'ping', target => 'dark.lab.test', locations => [ { magic => 'eu' } ],
  measurementOptions => { packets => 2, interval => '100ms' } });
my $result = $m->{results}[0]{result};
is($result->{status}, 'finished', 'a silent target is a result');
is($result->{stats}{loss}, 100, 'with 100 % loss');
is($result->{stats}{min}, undef, 'and no zero for a time that does not exist');

$m = $s->measure({ type => 'ping', target => 'nothing.lab.test', locations => [ { magic => 'eu' } ] });
is($m->{results}[0]{result}{failure}, 'resolve', 'a name that does not exist fails as resolve');
is($m->{results}[0]{result}{failureSource}, 'resolver', 'by the resolver');

$m = $s->measure({ type => 'tcp', target => 'www.lab.test', locations => [ { magic => 'us' } ],
  measurementOptions => { port => 80 } });
is($m->{results}[0]{result}{status}, 'finished', 'tcp to the web server');
$m = $s->measure({ type => 'tcp', target => 'www.lab.test', locations => [ { magic => 'us' } ],
  measurementOptions => { port => 81 } });
is($m->{results}[0]{result}{failure}, 'refused', 'a closed port is refused');
$m = $s->measure({ type => 'ping', target => 'target.lab.test', locations => [ { magic => 'eu' } ],
  measurementOptions => { ipVersion => 6 } });
like($m->{results}[0]{result}{resolvedAddress}, qr/^fd77:5::2$/, 'IPv6 when asked');
cmp_ok($m->{results}[0]{result}{stats}{rcv}, '==', 3, 'and it answers');
done_testing;
