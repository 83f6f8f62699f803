#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Which address families a node has, and where measurements go by it: three nodes in network namespaces
# of their own, with IPv4 only, IPv6 only, and both; and one on a machine with nothing but loopback.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(capture);
use JSON::PP;
use Sonde;
use Test::More;

# The first run makes a network namespace of its own and runs itself in it; the nodes' namespaces go
# with their names, and those with this process.
my $tag = "sondef$$";
if (!$ENV{SONDE_FAMILIES_INSIDE}) {
  plan skip_all => 'needs root' if $>;
  my ($rc) = capture('ip', 'netns', 'add', $tag);
  ($rc) = capture('ip', 'netns', 'exec', $tag, 'true') if !$rc;
  if ($rc) {
    capture('ip', 'netns', 'del', $tag);
    plan skip_all => 'cannot make and enter a network namespace here';
  }
  $ENV{SONDE_FAMILIES_INSIDE} = $tag;
  $rc = system('ip', 'netns', 'exec', $tag, $^X, $0);
  capture('ip', 'netns', 'del', $_) for map { "$tag$_" } '', qw(-v4 -v6 -dual -none);
  exit($rc >> 8);
}
$tag = $ENV{SONDE_FAMILIES_INSIDE};

sub ip { my ($rc, $text) = capture('ip', @_); die "ip @_: $text" if $rc }
my %has = (v4 => [4], v6 => [6], dual => [4, 6]);
my %number = (v4 => 1, v6 => 2, dual => 3);
ip(qw(link set lo up));
ip(qw(link add outside type bridge));
ip(qw(link set outside up));
ip(qw(addr add 10.88.0.1/24 dev outside));
ip(qw(-6 addr add fd88::1/64 dev outside nodad));
for my $name (sort keys %has) {
  my $ns = "$tag-$name";
  ip('netns', 'add', $ns);
  ip('link', 'add', "to$name", 'type', 'veth', 'peer', 'name', 'eth0', 'netns', $ns);
  ip('link', 'set', "to$name", 'master', 'outside', 'up');
  ip('-n', $ns, 'link', 'set', 'lo', 'up');
  ip('-n', $ns, 'link', 'set', 'eth0', 'up');
  my %address = (4 => "10.88.0.1$number{$name}/24", 6 => "fd88::1$number{$name}/64");
  ip('-n', $ns, 'addr', 'add', $address{$_}, 'dev', 'eth0', $_ == 6 ? 'nodad' : ()) for @{ $has{$name} };
}

my $s = Sonde->new(host => '10.88.0.1', port => 8756);
$s->start_controller('--listen', '*:8756');
my %country = (v4 => 'FR', v6 => 'JP', dual => 'US');
$s->start_node($_, netns => "$tag-$_", flags => { region => undef, continent => undef,
  country => $country{$_}, $_ eq 'v6' ? (controller => 'http://[fd88::1]:8756') : () })
  for sort keys %has;
$s->wait_online(sort keys %has);
my $yes = JSON::PP::true;

sub families { my $n = $s->node($_[0]); return join ' ', map { $n->{"ipv$_"} ? $_ : () } 4, 6 }
is(families($_), join(' ', @{ $has{$_} }), "$_ says which families it has") for sort keys %has;

# Where a measurement goes that any node may take: names of nodes, or status and message.
sub went {
  my (%request) = @_;
  my %body = (locations => [ { magic => 'world', limit => 9 } ], %request);
  delete @body{ grep { !defined $body{$_} } keys %body };
  my $r = $s->post('/v1/measurements', \%body);
  return "$r->{status} $r->{json}{error}{type} $r->{json}{error}{message}" if $r->{status} != 202;
  my $m = $s->get("/v1/measurements/$r->{json}{id}")->{json};
  return join ' ', sort map { $_->{probe}{name} } @{ $m->{results} };
}
sub ping { my ($target, %o) = @_; return went(type => 'ping', target => $target, %o) }
my %six = (measurementOptions => { ipVersion => 6 });

is(ping('example.com'), 'dual v4', 'a name: IPv4 where nothing else is said');
is(ping('example.com', measurementOptions => { ipVersion => 4 }), 'dual v4', 'IPv4 when asked for');
is(ping('example.com', %six), 'dual v6', 'IPv6 when asked for');
is(ping('10.88.0.1'), 'dual v4', 'an IPv4 address');
is(ping('fd88::1'), 'dual v6', 'an IPv6 address');
is(ping('127.0.0.1'), 'dual v4 v6', 'loopback is everywhere');
is(ping('::1'), 'dual v4 v6', 'and that of IPv6');
is(went(type => 'echo', target => 'x'), 'dual v4 v6', 'a type without a network asks for none');
is(went(type => 'dns', target => 'example.com'), 'dual v4', 'dns by its ipVersion');
is(went(type => 'dns', target => 'example.com', measurementOptions => { resolver => 'fd88::1' }),
  'dual v6', 'or by the address of its resolver');
is(went(type => 'http', target => 'example.com', %six), 'dual v6', 'http');
is(ping('example.com', locations => [ { country => 'JP' } ]),
  '422 no_probes_found No matching IPv4 probes available.', 'no node with IPv4 there');
is(ping('example.com', %six, locations => [ { country => 'FR' } ]),
  '422 no_probes_found No matching IPv6 probes available.', 'no node with IPv6 there');
is(ping('fd88::1', locations => [ { country => 'FR' } ]),
  '422 no_probes_found No matching IPv6 probes available.', 'nor for an address');

# It works, too: what they were chosen for they can do.
for my $target ('10.88.0.1', 'fd88::1') {
  my $m = $s->measure({ type => 'ping', target => $target, measurementOptions => { packets => 1 },
    locations => [ { magic => 'world', limit => 9 } ] });
  is(join(' ', map { $_->{result}{stats}{rcv} // 'none' } @{ $m->{results} }), '1 1', "$target answers");
}

my $r = $s->post('/v1/measurements', { type => 'ping', target => 'example.com', limit => 3, %six });
my $steps = $s->get("/v1/measurements/$r->{json}{id}/explain")->{json}{steps};
is($steps->[0]{dropped}{ipVersion}, 1, 'explain counts who lacks the family');
is_deeply([ map { "$_->{name} $_->{by}" } @{ $steps->[0]{droppedNodes} } ], ['v4 ipVersion'], 'and names it');

# Reuse of an earlier measurement's nodes asks for the family again.
$r = $s->post('/v1/measurements', { type => 'echo', target => 'x',
  locations => [ { magic => 'world', limit => 9 } ] });
is(ping('example.com', %six, locations => $r->{json}{id}), 'dual v6', 'nodes of an earlier measurement');

# Policies see it, too.
my %seen = map { $_->{name} => "$_->{ipv4}$_->{ipv6}" } @{ $s->get('/v1/columns')->{json}{nodes} };
is_deeply(\%seen, { v4 => '10', v6 => '01', dual => '11' }, 'columns of the nodes');
is($s->put('/v1/policies/six', { source => <<'LUA' })->{status}, 200, 'a policy that looks at them');
return { api = 1, summary = "those with IPv6", pick = function(req, set, view) return lb.above(set, view.ipv6, 0.5) end }
LUA
is(went(type => 'echo', target => 'x', policy => 'six', locations => undef, limit => 2), 'dual v6', 'and chooses by them');

# Addresses come and go while a node runs.
ip('-n', "$tag-v4", '-6', 'addr', 'add', 'fd88::11/64', 'dev', 'eth0', 'nodad');
ok($s->until(30, sub { families('v4') eq '4 6' }), 'an address that comes is told');
is(ping('example.com', %six), 'dual v4 v6', 'and counts');
ip('-n', "$tag-v4", '-6', 'addr', 'flush', 'dev', 'eth0', 'scope', 'global');
ok($s->until(30, sub { families('v4') eq '4' }), 'one that goes, too');
is(ping('example.com', %six), 'dual v6', 'and does not count any more');

$s->kill($_, 'TERM') for sort keys %has;

# Nothing but loopback: a demo without a network, a test in a box.
$s->kill('controller', 'TERM');
my ($rc, $out) = capture('ip', 'netns', 'add', "$tag-none");
is($rc, 0, 'another namespace');
ip('-n', "$tag-none", 'link', 'set', 'lo', 'up');
my $box = Sonde->new(host => '127.0.0.1', port => 8757);
my @command = $box->controller_command;
$box->spawn('controller', 'ip', 'netns', 'exec', "$tag-none", @command);
$box->until(30, sub { -s "$box->{dir}/admin.token" }) or die $box->log('controller');
open my $f, '<', "$box->{dir}/admin.token" or die $!;
chomp($box->{token} = <$f>);
sub inside {
  my ($method, $path, $body) = @_;
  my ($code, $text) = capture('ip', 'netns', 'exec', "$tag-none", 'curl', '-s', '-X', $method, '-H',
    "Authorization: Bearer $box->{token}", '-H', 'Content-Type: application/json',
    $body ? ('-d', encode_json($body)) : (), $box->url . $path);
  return eval { decode_json($text) };
}
my $token = inside(POST => '/v1/registration-tokens', { uses => 1, approve => $yes })->{token};
$box->start_node('lone', netns => "$tag-none", token => $token);
my $lone;
$box->until(30, sub { ($lone) = @{ inside(GET => '/v1/nodes') || [] }; $lone && $lone->{status} eq 'online' });
is($lone->{status}, 'online', 'a node with nothing but loopback');
is($lone->{ipv4}, $yes, 'has IPv4');
is($lone->{ipv6}, $yes, 'and IPv6, as loopback has them');
my $m = inside(POST => '/v1/measurements?wait=20s', { type => 'ping', target => '127.0.0.1' });
is($m->{results}[0]{result}{stats}{loss}, 0, 'and measures itself');
done_testing;
