#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A node that says a million different things, and a user who measures a hundred thousand targets: what
# becomes a key that the controller keeps has a limit, the node and the operator are told, and memory
# stays. SONDE_TARGETS=100000 for the whole; 5000 else.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use FakeNode;
use JSON::PP;
use Sonde;
use Test::More;

my $targets = $ENV{SONDE_TARGETS} || 5000;
my $s = Sonde->new;
$s->start_controller('--log-level', 'info', '--limit-target', 600);
my $pid = $s->{pids}{controller};
# What it holds itself: pages of the store's files can be given back at any time.
sub anon { open my $f, '<', "/proc/$pid/status" or return 0; my ($kb) = map { /^RssAnon:\s+(\d+)/ } <$f>; return $kb }
sub quota_events { return grep { $_->{kind} eq 'node.quota' } @{ $s->get('/v1/events?limit=1000')->{json} } }
sub metric { my ($v) = $s->get('/metrics')->{content} =~ /^sonde_$_[0] (\S+)/m; return $v }

my $one = '{"name":"ping","version":"1"}';
my $plugins = "{\"plugins\":[$one]}";
my $n = FakeNode->new($s, 'talker');
$n->connect->hello($plugins);
is($n->wait_for('welcome', 20)->{t}, 'welcome', 'a node that says little is welcome');
my $before = anon();

# ---- hello and types
my %hello = (
  'names of plugins' => '{"plugins":[' . join(',', map { "{\"name\":\"p$_\"}" } 1 .. 12_000) . ']}',
  'a long name' => '{"plugins":[{"name":"' . 'x' x 65 . '"}]}',
  'a long version' => '{"plugins":[{"name":"ping","version":"' . 'x' x 65 . '"}]}',
  'a long description' => '{"plugins":[{"name":"ping","params":{' . join(',', map { "\"k$_\":1" } 1 .. 4000) . '}}]}',
);
my $logged = 0;
for my $what (sort keys %hello) {
  $n->connect->hello($hello{$what});
  my $m = $n->wait_for('welcome', 20);
  is($m->{closed}, 4413, "hello: $what: refused") or diag encode_json($m // {});
  like($m->{reason}, qr/^Quota: a node may have 128 plugins/, "hello: $what: the node is told");
}
my @events = quota_events();
cmp_ok(scalar @events, '>=', 4, 'the operator is told');
like($events[0]{text} // '', qr/^talker says more of itself than is kept/, 'of whom');
$n->connect->hello($plugins);
is($n->wait_for('welcome', 20)->{t}, 'welcome', 'it may come back');
$n->say("{\"t\":\"types\",\"asked\":false,\"plugins\":$hello{'names of plugins'}}");
is($n->wait_for('x', 20)->{closed}, 4413, 'types: names of plugins: refused');
$n->connect->say('{"t":"hello","plugins":' . '{"a":1}' x 60_000);
is($n->wait_for('welcome', 20)->{closed}, 1009, 'a hello without an end: refused');
is_deeply([ map { $_->{name} } @{ $s->node('talker')->{plugins} } ], ['ping'], 'what it had stays');

# ---- new types of a node come to all who look at plugins
for my $round (1 .. 20) {
  $n->connect->hello('{"plugins":[' . join(',', map { "{\"name\":\"new-$round-$_\",\"version\":\"1\",\"params\":{},\"fields\":[]}" } 1 .. 120) . ']}');
  $n->wait_for('welcome', 20);
}
cmp_ok(scalar @{ $s->get('/v1/plugins')->{json} }, '<=', 128 + 20, 'types learned from nodes have a limit');

# ---- results, beats, health, progress
$n->connect->hello($plugins);
$n->wait_for('welcome', 20);
my $m;
for my $round (1 .. 3) {
  $n->results($n->result('{' . join(',', map { "\"field-$round-$_\":1" } 1 .. 200_000) . '}'));
  $m = $n->wait_for('x', 20);
  is($m->{closed}, 4413, 'a result of 200,000 fields: refused') or diag encode_json($m // {});
  like($m->{reason}, qr/^Quota: /, 'and the node is told');
  $n->connect->hello($plugins);
  $n->wait_for('welcome', 20);
}
$n->say('{"t":"health","report":' . '{' . join(',', map { "\"check-$_\":1" } 1 .. 100_000) . '}}');
is($n->wait_for('x', 20)->{closed}, 4413, 'a self-test of 100,000 checks: refused');
$n->connect->hello($plugins);
$n->wait_for('welcome', 20);
$n->say('{' . join(',', map { "\"unknown-$_\":1" } 1 .. 300_000) . ',"t":"beat"}');
$m = $n->wait_for('x', 20);
ok($m && $m->{closed}, 'a message of 300,000 members: refused');
cmp_ok(scalar(quota_events()), '<=', 12, 'one node raises ten events a minute at most');

# ---- facts of a registration
for my $facts ({ tags => [ map { "tag-$_" } 1 .. 1000 ] }, { region => 'r' x 65 }, { city => 'c' x 129 },
  { map { ("attribute-$_" => 1) } 1 .. 5000 }) {
  my $r = $s->post('/v1/nodes/register', { token => $s->registration_token, name => 'other', region => 'eu', %$facts }, token => undef);
  is($r->{status}, 400, 'register: ' . (sort keys %$facts)[0] . ': refused');
}

$n->connect->hello($plugins);
is($n->wait_for('welcome', 20)->{t}, 'welcome', 'it is still welcome');
$s->until(20, sub { anon() - $before <= 16 << 10 });
my $grown = anon() - $before;
diag sprintf 'after a million names: %+d KiB', $grown;
cmp_ok($grown, '<=', 16 << 10, 'the controller has not grown by 16 MiB') if !$s->sanitized;

# ---- many targets of one user
$n->connect->hello($plugins, capacity => 10_000);
is($n->wait_for('welcome', 20)->{t}, 'welcome', 'a node for many targets');
$before = anon();
my ($asked, $answered, $refused) = (0, 0, 0);
while ($asked < $targets) {
  my $some = $targets - $asked < 500 ? $targets - $asked : 500;
  my $r = $s->post('/v1/measurements', [ map { { type => 'ping', target => sprintf('198.18.%d.%d', $_ >> 8 & 255, $_ & 255),
    measurementOptions => { packets => 1 }, locations => [ { node => 'talker' } ] } } map { $asked + $_ } 1 .. $some ]);
  $refused++ if $r->{status} != 202;
  $asked += $some;
  for (my $left = $some; $left > 0;) {
    my $t = $n->wait_for('tasks', 20) or last;
    last if $t->{closed};
    $n->results(map { $n->result('{"stats":{"avg":1.5}}', $_) } @{ $t->{items} });
    $n->beat;
    $left -= @{ $t->{items} };
    $answered += @{ $t->{items} };
  }
}
is($refused, 0, "$asked targets are asked for");
is($answered, $asked, 'and answered');
ok($s->until(60, sub { $n->beat; metric('results_stored_total') >= $asked && metric('rollup_results_total') >= $asked }),
  'all is stored and in the rollups') or diag metric('results_stored_total') . ', ' . metric('rollup_results_total');
$grown = anon() - $before;
diag sprintf '%d targets of one user: %+d KiB', $asked, $grown;
cmp_ok($grown, '<=', 16 << 10, 'the controller has not grown by 16 MiB') if !$s->sanitized;
done_testing;
