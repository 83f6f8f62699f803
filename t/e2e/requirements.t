#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What every node of a measurement must have: each requirement keeps the nodes that meet it and no other,
# says so in explain, and holds for schedules and for who takes over.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Test::More;

my $s = Sonde->new;
$s->start_controller;
$s->start_node('small', flags => { capacity => 2, tags => 'wired' });
$s->start_node('large', flags => { capacity => 20, tags => 'wired,ssd' });
$s->wait_online(qw(small large));
is($s->patch('/v1/nodes/large', { trusted => JSON::PP::true, priority => 80 })->{status}, 200, 'large is trusted');
my ($yes, $no) = (JSON::PP::true, JSON::PP::false);
my $large = $s->node('large');
my ($cpus, $memory, $version) = @$large{qw(cpus memoryMiB version)};
ok($cpus >= 1 && $memory > 1 && $version, 'a node tells of its machine') or diag explain $large;
cmp_ok($large->{uptime}, '>', 0, 'uptime');

sub ask { return $s->post('/v1/measurements', { type => 'echo', target => 'x', limit => 5, @_ }) }
sub went {
  my ($requirements) = @_;
  my $r = ask(requirements => $requirements);
  return $r->{status} if $r->{status} != 202;
  my $m = $s->get("/v1/measurements/$r->{json}{id}")->{json};
  return join ' ', sort map { $_->{probe}{name} } @{ $m->{results} };
}

my @cases = (
  [ { capacity => 3 }, 'large' ], [ { capacity => '2' }, 'large small' ], [ { capacity => 21 }, 422 ],
  [ { cpus => $cpus }, 'large small' ], [ { cpus => $cpus + 1 }, 422 ],
  [ { memoryMiB => $memory }, 'large small' ], [ { memoryMiB => $memory + 1 }, 422 ],
  [ { priority => 80 }, 'large' ], [ { trusted => $yes }, 'large' ], [ { trusted => $no }, 'small' ],
  [ { trusted => 'true' }, 'large' ], [ { ipv4 => $yes }, 'large small' ], [ { ipv4 => $no }, 422 ],
  [ { tags => ['wired'] }, 'large small' ], [ { tags => [qw(wired ssd)] }, 'large' ],
  [ { tags => 'wired,ssd' }, 'large' ], [ { types => [qw(ping http)] }, 'large small' ],
  [ { types => ['nosuch'] }, 422 ], [ { version => ">=$version" }, 'large small' ],
  [ { version => $version }, 'large small' ], [ { version => "=$version" }, 'large small' ],
  [ { version => ">$version" }, 422 ], [ { version => "<$version" }, 422 ],
  [ { version => "<=$version" }, 'large small' ], [ { version => '>=999.1' }, 422 ],
  [ { load => 10000 }, 'large small' ], [ { errorRate => 1 }, 'large small' ],
  [ { capacity => 3, tags => ['wired'], priority => 1 }, 'large' ], [ {}, 'large small' ],
);
is(went($_->[0]), $_->[1], 'requirements ' . encode_json($_->[0])) for @cases;

my %wrong = ('{"cpu":2}' => 'cpu', '{"cpus":-1}' => 'cpus', '{"cpus":"two"}' => 'cpus',
  '{"uptime":2}' => 'uptime', '{"ipv6":1}' => 'ipv6', '{"types":[]}' => 'types', '{"tags":[1]}' => 'tags',
  '{"version":"new"}' => 'version', '{"version":">="}' => 'version', '{"version":2}' => 'version');
for my $text (sort keys %wrong) {
  my $r = ask(requirements => decode_json($text));
  is($r->{status}, 400, "refused: $text");
  ok($r->{json}{error}{params}{"requirements.$wrong{$text}"}, 'with its path') or diag $r->{content};
}
is(ask(requirements => [])->{status}, 400, 'an array is none');
my $known = ask(requirements => { disk => 1 })->{json}{error}{params}{'requirements.disk'};
like($known, qr/\b$_\b/, "an unknown key: $_ is named") for qw(cpus memoryMiB capacity priority uptime load
  errorRate ipv4 ipv6 trusted types tags version);

my $none = ask(requirements => { capacity => 3, tags => ['nosuch'] });
is($none->{status}, 422, 'nobody meets them');
is($none->{json}{error}{params}{requirements}, 'capacity: 1 node; tags: 1 node', 'and by which of them');
ok(!exists ask(locations => [ { country => 'AQ' } ])->{json}{error}{params}, 'not said where none were asked for');

# Shown again, and explained.
my $r = ask(requirements => { version => '>=0.0', capacity => '3' });
my $m = $s->finished($r->{json}{id});
is_deeply($m->{requirements}, { capacity => 3, version => '>=0.0' }, 'the measurement shows them, normalised');
my $why = $s->get("/v1/measurements/$m->{id}/explain")->{json};
is_deeply($why->{requirements}, $m->{requirements}, 'explain, too');
is($why->{steps}[0]{dropped}{requirement}, 1, 'one node fell out');
is_deeply($why->{steps}[0]{unmet}, { capacity => 1 }, 'by which requirement');
is_deeply([ map { "$_->{name} $_->{by} $_->{requirement}" } @{ $why->{steps}[0]{droppedNodes} } ],
  ['small requirement capacity'], 'which node');
my ($rc, $out) = $s->cli('measurement', 'explain', $m->{id});
like($out, qr/small\s+requirement\s+capacity/, 'the client says so');
my $again = $s->post("/v1/measurements/$m->{id}/rerun", {});
is_deeply($s->get("/v1/measurements/$again->{json}{id}")->{json}{requirements}, $m->{requirements}, 'rerun');
my $both = $s->finished(ask()->{json}{id})->{id};
is(ask(locations => $both, limit => 2, requirements => { capacity => 3 })->{json}{probesCount}, 1,
  'of the nodes of an earlier measurement those that meet them');

# The command line.
($rc, $out) = $s->cli('echo', 'x', '--limit', '5', '--require', 'capacity=3', '--require', 'types=ping,http', '-o', 'json');
is($rc, 0, '--require') or diag $out;
my $doc = decode_json($out);
is(join(' ', map { $_->{probe}{name} } @{ $doc->{results} }), 'large', 'reaches the right node');
is_deeply($doc->{requirements}, { capacity => 3, types => [qw(ping http)] }, 'each of them');
is(($s->cli('echo', 'x', '--require', 'capacity'))[0], 2, 'without a value: usage');
($rc, $out, my $err) = $s->cli('echo', 'x', '--require', 'disk=3');
like($err, qr/memoryMiB/, 'an unknown one: the list');

($rc, $out, $err) = $s->cli('schedule', 'add', 'mine', 'echo', 'x', '--interval', '1h', '--require', 'capacity=3');
is($rc, 0, 'schedule add --require') or diag $err;
is_deeply($s->get('/v1/schedules/mine')->{json}{requirements}, { capacity => '3' }, 'has them');

# Uptime is a share that a loss lowers; it is never remembered from before.
is(went({ uptime => 0 }), 'large small', 'uptime of anything');
$s->kill('small', 'KILL');
$s->until(30, sub { $s->node('small')->{status} ne 'online' });
$s->start_node('small', flags => { capacity => 2, tags => 'wired' });
$s->wait_online('small');
my $up = $s->node('small')->{uptime};
cmp_ok($up, '<', $s->node('large')->{uptime}, 'a node that was away has less of it');
is(went({ uptime => ($up + $s->node('large')->{uptime}) / 2 }), 'large', 'and is left out by it')
  or diag "$up against " . $s->node('large')->{uptime};

# Schedules.
$r = $s->post('/v1/schedules', { name => 'big', type => 'echo', target => 'x', interval => '1s', limit => 5,
  requirements => { capacity => 3 } });
is($r->{status}, 201, 'a schedule takes them') or diag $r->{content};
is_deeply($r->{json}{requirements}, { capacity => 3 }, 'and shows them');
is(join(' ', map { $_->{name} } @{ $s->get('/v1/schedules/big')->{json}{members} }), 'large', 'its nodes meet them');
is($s->post('/v1/schedules', { name => 'bad', type => 'echo', target => 'x', interval => '1s',
  requirements => { disk => 3 } })->{status}, 400, 'an unknown one is refused there, too');
for my $place ({ nodes => ['small'] }, { target => undef, targets => 'nodes', type => 'ping' }) {
  my %spec = (name => 'odd', type => 'echo', target => 'x', interval => '1s', requirements => { capacity => 3 }, %$place);
  delete @spec{ grep { !defined $spec{$_} } keys %spec };
  my $odd = $s->post('/v1/schedules', \%spec);
  is($odd->{status}, 400, 'not where nodes are named: ' . join ' ', keys %$place) or diag $odd->{content};
  ok($odd->{json}{error}{params}{requirements}, 'and says so') or diag $odd->{content};
}
$s->kill('large', 'TERM');
$s->start_node('third', flags => { capacity => 30 });
$s->wait_online('third');
ok($s->until(60, sub { grep { $_->{name} eq 'third' } @{ $s->get('/v1/schedules/big')->{json}{members} } }),
  'who is added later meets them');
is_deeply([ grep { $_->{name} eq 'small' } @{ $s->get('/v1/schedules/big')->{json}{members} } ], [],
  'who does not is never one');
done_testing;
