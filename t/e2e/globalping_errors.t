#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Every error that clients of Globalping know, by one table: status, type and message to the letter, the
# link to the documentation, the headers. And the headers of answers that waited.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Test::More;

my $s = Sonde->new;
$s->start_controller('--anonymous', '--limit-anonymous', 3);
$s->start_nodes('eu');
my @anon = (token => undef);
my $echo = { type => 'echo', target => 'x' };
is($s->put('/v1/tiers/small', { perHour => 2, nodes => 9, concurrent => 50 })->{status}, 200, 'a tier');
my $count = 0;
sub user {
  my (%credits) = @_;
  my $name = 'user' . ++$count;
  my $r = $s->post('/v1/users', { name => $name, password => "secret of $name", role => 'user', tier => 'small' });
  is($r->{status}, 201, $name) or diag $r->{content};
  $s->post("/v1/users/$name/credits", { amount => $credits{credits} }) if $credits{credits};
  return $s->post('/v1/auth/login', { name => $name, password => "secret of $name" }, @anon)->{json}{token};
}
sub post { my ($body, %o) = @_; return $s->post('/v1/measurements', $body, %o) }
sub spent { my ($token) = @_; post($echo, token => $token) for 1 .. 2; return $token }
my ($poor, $short) = (user(), user(credits => 1));
my $limit = 'This measurement exceeds the remaining hourly rate limit for your';
my $running = $s->post('/v1/measurements', { type => 'ping', target => '127.0.0.1',
  measurementOptions => { packets => 16 } })->{json}{id};
# Until it is too often: on a slow machine more than five are needed for five within two seconds.
sub polled {
  my $r;
  for (1 .. 300) { $r = $s->get("/v1/measurements/$running", @anon); last if $r->{status} == 429 }
  return $r;
}

# What is asked; status, type, message, params, headers that must be there and such that must not.
my @table = (
  [ sub { post({ %$echo, limit => 0 }) }, 400, 'validation_error', 'Parameter validation failed.', ['limit'] ],
  [ sub { post({ type => 'ping', target => '127.0.0.1', measurementOptions => { packets => 0 } }) },
    400, 'validation_error', 'Parameter validation failed.', ['measurementOptions.packets'] ],
  [ sub { post('{"type":') }, 400, 'api_error', qr/./ ],
  [ sub { post('[1') }, 400, 'api_error', qr/./ ],
  [ sub { post($echo, token => 'nonsense') }, 401, 'unauthorized', 'Unauthorized.' ],
  [ sub { $s->get('/v1/limits', token => 'nonsense') }, 401, 'unauthorized', 'Unauthorized.' ],
  [ sub { $s->get('/v1/measurements/nosuchid', @anon) }, 404, 'not_found',
    "Couldn't find the requested measurement." ],
  [ sub { $s->get('/v1/measurements/01arz3ndektsv4rrffq69g5fav', @anon) }, 404, 'not_found',
    "Couldn't find the requested measurement." ],
  [ sub { post({ type => 'ping', target => 'example.com', locations => [ { country => 'AQ' } ] }) },
    422, 'no_probes_found', 'No matching IPv4 probes available.' ],
  [ sub { post({ type => 'ping', target => 'example.com', locations => [ { country => 'AQ' } ],
    measurementOptions => { ipVersion => 6 } }) }, 422, 'no_probes_found', 'No matching IPv6 probes available.' ],
  [ sub { post({ %$echo, locations => '01arz3ndektsv4rrffq69g5fav' }) }, 422, 'no_probes_found',
    'No matching IPv4 probes available.' ],
  [ sub { post($echo, @anon) for 1 .. 3; post($echo, @anon) }, 429, 'rate_limit_exceeded',
    "$limit IP address.", undef, [qw(limit consumed remaining reset)], ['retry-after'] ],
  [ sub { post($echo, token => spent($poor)) }, 429, 'rate_limit_exceeded', "$limit account.", undef,
    [qw(limit consumed remaining reset)], ['retry-after'] ],
  [ sub { spent($short); post([ $echo, $echo ], token => $short) }, 429, 'insufficient_credits',
    'Not enough credits to run this measurement.', undef, [qw(limit consumed remaining reset)], ['retry-after'] ],
  [ \&polled, 429, 'too_many_requests', qr/^Too many requests\. Please retry in (?:1 second|[2-5] seconds)\.$/ ],
);
for my $row (@table) {
  my ($ask, $status, $type, $message, $params, $with, $without) = @$row;
  my $r = $ask->();
  my $e = $r->{json}{error};
  my $name = "$status $type" . ($params ? " (@$params)" : '');
  is($r->{status}, $status, "$name: status") or diag $r->{content};
  is($e->{type}, $type, "$name: type");
  ref $message ? like($e->{message}, $message, "$name: message") : is($e->{message}, $message, "$name: message");
  like($r->{json}{links}{documentation}, qr{^/v1/}, "$name: a link to the documentation");
  like($r->{headers}{'content-type'}, qr{^application/json}, "$name: JSON");
  is($r->{headers}{'access-control-allow-origin'}, '*', "$name: for any origin");
  ok($e->{params}{$_}, "$name: params name it") for @{ $params || [] };
  ok(!exists $e->{params}, "$name: no params") if !$params;
  like($r->{headers}{"x-ratelimit-$_"}, qr/^\d+$/, "$name: X-RateLimit-$_") for @{ $with || [] };
  ok(!defined $r->{headers}{$_}, "$name: no $_") for @{ $without || [] };
}
is($s->get($s->get('/v1/measurements/nosuchid', @anon)->{json}{links}{documentation}, @anon)->{status}, 200,
  'the documentation is there');

# ---- reading one measurement over and over
my $again = polled();
is($again->{status}, 429, 'too many');
cmp_ok($again->{headers}{'retry-after'}, '>=', 1, 'Retry-After');
cmp_ok($again->{headers}{'retry-after'}, '<=', 5, 'of at most five seconds');
is($s->get("/v1/measurements/$running")->{status}, 200, 'an administrator may go on');
my $other = post($echo)->{json}{id};
is($s->get("/v1/measurements/$other", @anon)->{status}, 200, 'and anybody with another measurement');
is($s->get("/v1/measurements/$running", token => $poor)->{status}, 200, 'and another caller with this one');
ok($s->until(30, sub { $s->get("/v1/measurements/$other", @anon) for 1 .. 6;
  $s->get("/v1/measurements/$running", @anon)->{status} == 200 }), 'the pause ends');
# As clients do: half a second after each answer, without end.
my $id = post({ type => 'ping', target => '127.0.0.1', measurementOptions => { packets => 9 } })->{json}{id};
my %got;
for (1 .. 9) {
  $got{ $s->get("/v1/measurements/$id", @anon)->{status} }++;
  select undef, undef, undef, 0.5;
}
is_deeply(\%got, { 200 => 9 }, 'the pace of the clients is never too much');
my ($rc, $out, $err) = do {
  local $s->{token} = user();
  $s->cli('ping', '127.0.0.1', '--packets', '7');
};
is($rc, 0, 'nor is that of sonde, for an account without rights') or diag $out . $err;

# ---- ?wait= answers have the headers of those that do not wait
my $waiter = user();
my @names = qw(x-ratelimit-limit x-ratelimit-consumed x-ratelimit-remaining x-ratelimit-reset x-request-cost location);
my $now = post($echo, token => $waiter);
my $done = $s->post('/v1/measurements?wait=20s', $echo, token => $waiter);
is($now->{status}, 202, 'without wait');
is($done->{status}, 200, 'with wait: finished');
is($done->{json}{status}, 'finished', 'with the results');
ok(defined $done->{headers}{$_}, "$_ is there") for @names;
is($done->{headers}{'x-ratelimit-remaining'}, $now->{headers}{'x-ratelimit-remaining'} - 1, 'one less remains');
is($done->{headers}{'x-ratelimit-consumed'}, 1, 'one consumed');
is($done->{headers}{'x-request-cost'}, 1, 'the cost');
like($done->{headers}{location}, qr{/v1/measurements/$done->{json}{id}$}, 'Location of the measurement');
ok($done->{headers}{etag}, 'and an ETag');
my $slow = { type => 'ping', target => '127.0.0.1', measurementOptions => { packets => 16 } };
my $late = $s->post('/v1/measurements?wait=100ms', $slow, token => user());
is($late->{status}, 202, 'when the time is over first');
ok(defined $late->{headers}{$_}, "then, too: $_") for @names;
my $admin = $s->post('/v1/measurements?wait=20s', $echo);
is($admin->{headers}{'x-request-cost'}, 1, 'an administrator is told the cost, too');
like($admin->{headers}{location}, qr{$admin->{json}{id}$}, 'and the Location');
my $with = user(credits => 3);
spent($with);
my $paid = $s->post('/v1/measurements?wait=20s', $echo, token => $with);
is($paid->{headers}{'x-credits-consumed'}, 1, 'X-Credits-Consumed');
is($paid->{headers}{'x-credits-remaining'}, 2, 'X-Credits-Remaining');
done_testing;
