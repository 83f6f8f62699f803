#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Bad input gets a clear error and loses nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use JSON::PP;
use Test::More;

my $s = Sonde->new;
$s->start_controller('--guard-allow', '127.0.0.0/8', '--guard-deny', '127.0.0.66');
$s->start_nodes('eu');

my @bad = (
  ['{"type":"ping"', undef, 'broken JSON'],
  ['{"type":"echo","type":"ping","target":"x"}', undef, 'a key twice'],
  ['[' x 40 . ']' x 40, undef, 'too deep'],
  ['"text"', undef, 'not an object'],
  [{}, 'target, type', 'nothing'],
  [{ type => 'echo' }, 'target', 'no target'],
  [{ type => 'pnig', target => 'x.example' }, 'type', 'unknown type'],
  [{ type => 'ping', target => 'x.example', colour => 1 }, 'colour', 'unknown field'],
  [{ type => 'ping', target => 'x.example', limit => 0 }, 'limit', 'limit of nothing'],
  [{ type => 'ping', target => 'x.example', limit => 'many' }, 'limit', 'limit that is no number'],
  [{ type => 'ping', target => 'x.example', locations => [ { contry => 'DE' } ] },
    'locations[0].contry', 'misspelt location key'],
  [{ type => 'ping', target => 'x.example', locations => [ { asn => 'x' } ] }, 'locations[0].asn',
    'asn that is no number'],
  [{ type => 'ping', target => 'x.example', measurementOptions => { packts => 3 } },
    'measurementOptions.packts', 'misspelt option'],
  [{ type => 'ping', target => 'x.example', measurementOptions => { packets => -1 } },
    'measurementOptions.packets', 'option out of range'],
  [{ type => 'ping', target => '127.0.0.1', measurementOptions => { ipVersion => 4 } },
    'measurementOptions.ipVersion', 'ipVersion for an address'],
  [{ type => 'ping', target => '10.0.0.1' }, 'target', 'private address'],
  [{ type => 'ping', target => '0x7f.1' }, 'target', 'odd spelling of an address'],
  [{ type => 'ping', target => '127.0.0.66' }, 'target', 'denied address'],
  [{ type => 'ping', target => '::ffff:10.0.0.1' }, 'target', 'private address inside IPv6'],
  [{ type => 'ping', target => 'x.example', policy => 'nonesuch' }, 'policy', 'unknown policy'],
);
for my $b (@bad) {
  my ($body, $path, $what) = @$b;
  my $r = $s->post('/v1/measurements', $body);
  is($r->{status}, 400, "$what: 400");
  if (defined $path) {
    is(join(', ', sort keys %{ $r->{json}{error}{params} || {} }), $path, "$what: names $path")
      or diag $r->{content};
  } else {
    ok($r->{json}{error}{message}, "$what: says something");
  }
}
for my $type ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
  'application/jsonp', 'text/json+application', 'application/x+json+y', 'x' x 200) {
  my $r = $s->post('/v1/measurements', { type => 'echo', target => 'x' },
    headers => { 'content-type' => $type });
  is($r->{status}, 415, "a body of $type: 415");
  is($r->{json}{error}{type}, 'unsupported_media_type', 'which it says');
}
for my $type ('application/json; charset=utf-8', 'Application/JSON', 'application/merge-patch+json') {
  is($s->post('/v1/measurements', { type => 'echo', target => 'x' },
    headers => { 'content-type' => $type })->{status}, 202, "a body of $type");
}
is($s->patch('/v1/nodes/node-eu', '{}', headers => { 'content-type' => 'text/plain' })->{status}, 415,
  'other routes, too');
is($s->post('/v1/measurements', '{"type":"echo","target":"' . 'x' x 110_000 . '"}')->{status}, 413,
  'over 100 kB: 413');
is($s->post('/v1/measurements', { type => 'echo', target => 'x',
  locations => [ { country => 'AQ' } ] })->{json}{error}{type}, 'no_probes_found', 'no node: 422');
my $many = $s->post('/v1/measurements', { type => 'ping', limit => 0, timeout => 'x', nonsense => 1,
  locations => [ { country => 'Germany' } ], measurementOptions => { packets => 0 } });
is($many->{status}, 400, 'several errors: 400');
is_deeply([ sort keys %{ $many->{json}{error}{params} } ],
  [ sort qw(target limit timeout nonsense), 'locations[0].country', 'measurementOptions.packets' ],
  'all of them at once') or diag $many->{content};
like($many->{json}{error}{params}{target}, qr/^"target" is required/, 'each a sentence');
like($s->post('/v1/measurements', { type => 'pign', target => 'x.example' })
  ->{json}{error}{params}{type}, qr/did you mean "ping"/, 'a suggestion for the type');
is($s->post('/v1/measurements', { type => 'echo', target => 'x' }, token => undef)->{status}, 401,
  'no token: 401');
is($s->get('/v1/nodes', token => 'sonde_wrong')->{status}, 401, 'wrong token: 401');
is($s->get('/v1/nope')->{status}, 404, 'unknown path: 404');
is($s->request('PUT', '/v1/measurements')->{status}, 405, 'wrong method: 405');
is($s->get('/v1/measurements/01arz3ndektsv4rrffq69g5fav')->{status}, 404, 'unknown id: 404');
is($s->get('/v1/measurements/..%2fetc')->{status}, 404, 'an id that is none: 404');

# Registration tokens.
my $once = $s->registration_token(uses => 1);
my %node = (name => 'one', token => $once);
is($s->post('/v1/nodes/register', \%node, token => undef)->{status}, 201, 'a token works');
like($s->post('/v1/nodes/register', \%node, token => undef)->{json}{error}{message}, qr/used already/,
  'once');
my $r = $s->post('/v1/registration-tokens', { uses => 5 });
is($s->delete("/v1/registration-tokens/$r->{json}{id}")->{status}, 204, 'a token is revoked');
$r = $s->post('/v1/nodes/register', { name => 'two', token => $r->{json}{token} }, token => undef);
is($r->{status}, 401, 'revoked: 401');
like($r->{json}{error}{message}, qr/revoked/, 'and says so');
my $short = $s->registration_token(ttl => '1s');
sleep 2;
like($s->post('/v1/nodes/register', { name => 'three', token => $short }, token => undef)
  ->{json}{error}{message}, qr/expired/, 'expired: says so');
is($s->post('/v1/nodes/register', { name => 'four', token => 'reg_none' }, token => undef)->{status},
  401, 'unknown: 401');

# One token, parallel uses: exactly one wins.
my $race = $s->registration_token(uses => 1);
my @pids = map {
  my $i = $_;
  my $pid = fork() // die;
  if (!$pid) {
    my $won = $s->post('/v1/nodes/register', { name => "race$i", token => $race }, token => undef)
      ->{status} == 201;
    POSIX::_exit($won ? 7 : 0);
  }
  $pid;
} 1 .. 20;
my $won = grep { waitpid($_, 0); $? >> 8 == 7 } @pids;
is($won, 1, 'of twenty at once exactly one');

# A node with a wrong key is refused with a reason that it logs.
$s->kill('node-eu', 'KILL');
my $file = "$s->{dir}/node-eu/node.key";
open my $in, '<', $file or die $!;
my $key = do { local $/; <$in> };
$key =~ s/(node_.)./$1~/ or die "no key in $key";
open my $out, '>', $file or die $!;
print $out $key;
close $out;
$s->start_node('node-eu');
ok($s->until(15, sub { $s->log('node-eu') =~ /not known here/ }), 'the node logs why it was closed');
is((stat $file)[2] & 07777, 0600, 'the key file is 0600');
ok($s->get('/ready')->{status} == 200, 'the controller is still ready');
done_testing;
