#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Accounts over HTTP: sessions and their end, passwords, guesses, tokens, tiers, credits, audit.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use MIME::Base64 qw(encode_base64url decode_base64url);
use Sonde;
use Test::More;

my $bld = $ENV{top_builddir} || '.';
my $s = Sonde->new;
Sonde::link_or_copy("$bld/t/e2e/keeper/.libs/keeper.so", "$s->{plugins}/keeper.so");
$s->start_controller('--registration', 'invite', '--limit-logins', 10000, '--limit-target', 40,
  '--anonymous', '--limit-anonymous', 3);
$s->start_nodes('eu');

my $n = 0;
sub user {
  my (%o) = @_;
  my $name = $o{name} // 'user' . ++$n;
  my $r = $s->post('/v1/users', { name => $name, password => "secret of $name", %o });
  is($r->{status}, 201, "user $name is made") or diag $r->{content};
  return $name;
}
sub login {
  my ($name, $password) = @_;
  return $s->post('/v1/auth/login', { name => $name, password => $password // "secret of $name" },
    token => undef);
}
sub me { return $s->get('/v1/auth/me', token => $_[0])->{status} }
sub refresh { return $s->post('/v1/auth/refresh', { refreshToken => $_[0] }, token => undef) }

# ---- sessions
my $anna = user(name => 'Anna');
my $r = login('anna', 'secret of Anna');
is($r->{status}, 200, 'log in') or diag $r->{content};
my $in = $r->{json};
like($in->{token}, qr/^eyJ/, 'an access token');
is($in->{user}{name}, 'anna', 'names are lower case');
unlike($r->{content}, qr/argon2/, 'no hash is shown');
is(me($in->{token}), 200, 'it is good');
is($in->{expiresIn}, 600, 'for ten minutes');

$r = refresh($in->{refreshToken});
is($r->{status}, 200, 'refresh');
my $second = $r->{json};
isnt($second->{refreshToken}, $in->{refreshToken}, 'with a new refresh token');
is(me($second->{token}), 200, 'the new access token is good');
$r = refresh($in->{refreshToken});
is($r->{status}, 401, 'an old refresh token is refused');
like($r->{json}{error}{message}, qr/used before/, 'and says why');
is(me($second->{token}), 401, 'and ends the session at once');
is(refresh($second->{refreshToken})->{status}, 401, 'with its refresh token');
for my $forged ('rt_', 'rt_' . 'A' x 75, $second->{refreshToken} . 'A',
  'rt_' . substr($second->{refreshToken}, 3, 70) . 'AAAAA') {
  is(refresh($forged)->{status}, 401, 'a forged refresh token is refused');
}

my @pids;
my $race = login('anna', 'secret of Anna')->{json};
for (1 .. 8) {
  my $pid = fork() // die;
  POSIX::_exit(refresh($race->{refreshToken})->{status} == 200 ? 7 : 0) if !$pid;
  push @pids, $pid;
}
cmp_ok(scalar(grep { waitpid($_, 0); $? >> 8 == 7 } @pids), '<=', 1,
  'of eight uses at once one wins, or none: the second ends the session');

$in = login('anna', 'secret of Anna')->{json};
is($s->post('/v1/auth/logout', {}, token => $in->{token})->{status}, 204, 'log out');
is(me($in->{token}), 401, 'ends the access token');
my @all = map { login('anna', 'secret of Anna')->{json} } 1 .. 2;
is($s->post('/v1/auth/logout', { refreshToken => $all[0]{refreshToken}, all => JSON::PP::true },
  token => undef)->{status}, 204, 'log out everywhere');
is(me($all[1]{token}), 401, 'ends the others');

# ---- access tokens that are none
$in = login('anna', 'secret of Anna')->{json};
my ($head, $body, $mac) = split /\./, $in->{token};
my $claims = decode_json(decode_base64url($body));
sub b64 { return encode_base64url($_[0]) }
my %bad = (
  'alg none' => b64('{"alg":"none","typ":"JWT"}') . ".$body.",
  'alg None, with a signature' => b64('{"alg":"None","typ":"JWT"}') . ".$body.$mac",
  'RS256' => b64('{"alg":"RS256","typ":"JWT"}') . ".$body.$mac",
  'a key id' => b64('{"alg":"HS256","kid":"../../dev/null","typ":"JWT"}') . ".$body.$mac",
  'a key address' => b64('{"alg":"HS256","jku":"http://127.0.0.1/","typ":"JWT"}') . ".$body.$mac",
  'no signature' => "$head.$body.",
  'two parts' => "$head.$body",
  'another role of claims' => join('.', $head, b64(encode_json({ %$claims, ver => 99 })), $mac),
  'a refresh token' => $in->{refreshToken},
);
for my $what (sort keys %bad) {
  is(me($bad{$what}), 401, "$what: 401");
}
my $passed = 0;
my $http = HTTP::Tiny->new(timeout => 20, keep_alive => 1);
for (1 .. 2000) {
  my $t = $in->{token};
  my $at = int rand length $t;
  my $c = substr $t, $at, 1;
  my $other = chr(ord($c) ^ (1 << int rand 7));
  next if $other !~ /[[:print:]]/ || $other eq ' ';
  substr($t, $at, 1) = $other;
  my $a = $http->get($s->url . '/v1/auth/me', { headers => { authorization => "Bearer $t" } });
  $passed++ if $a->{status} == 200;
}
is($passed, 0, 'of 2,000 tokens with one bit changed none is good');
is(me($in->{token}), 200, 'the true one still is');

# ---- passwords
for my $weak ('short', 'password123', 'anna' x 300, 'Anna') {
  is($s->post('/v1/auth/password', { password => 'secret of Anna', newPassword => $weak },
    token => $in->{token})->{status}, 400, 'a bad password is refused');
}
$r = $s->post('/v1/auth/password', { password => 'wrong', newPassword => 'a good new one' },
  token => $in->{token});
is($r->{status}, 401, 'a change needs the old one');
$r = $s->post('/v1/auth/password', { password => 'secret of Anna', newPassword => 'a good new one' },
  token => $in->{token});
is($r->{status}, 200, 'change the password') or diag $r->{content};
is(me($in->{token}), 401, 'the old sessions are over');
is(me($r->{json}{token}), 200, 'the answer holds a new one');
is(login('anna', 'secret of Anna')->{status}, 401, 'the old password is refused');
is(login('anna', 'a good new one')->{status}, 200, 'the new one is good');

# ---- revocation by an administrator
for my $change ({ role => 'operator' }, { disabled => JSON::PP::true }) {
  my $bob = user();
  my $t = login($bob)->{json}{token};
  is(me($t), 200, 'logged in');
  is($s->patch("/v1/users/$bob", $change)->{status}, 200, 'an administrator changes the user');
  is(me($t), 401, 'which ends what was before');
}
my $cut = user();
is($s->patch("/v1/users/$cut", { disabled => JSON::PP::true })->{status}, 200, 'disabled');
is(login($cut)->{status}, 401, 'a disabled user does not log in');

# ---- nobody gets more by what he sends
my $eve = user();
my $eves = login($eve)->{json}{token};
for my $try ({ role => 'admin' }, { version => 1 }, { id => 'x' }, { tier => 'premium' },
  { credits => 5 }) {
  is($s->patch('/v1/auth/me', $try, token => $eves)->{status}, 400, 'own role, tier, ...: refused');
}
is($s->patch('/v1/auth/me', { display => 'Eve' }, token => $eves)->{status}, 200, 'own profile');
is($s->get("/v1/users/anna", token => $eves)->{status}, 403, 'others: forbidden');
is($s->post('/v1/auth/tokens', { role => 'admin' }, token => $eves)->{status}, 400,
  'no token above the own role');
is($s->delete('/v1/auth/me', token => $eves)->{status}, 204, 'deactivate');
is(me($eves), 401, 'and be out');

# ---- guesses
my $carl = user();
my @status = map { login($carl, "guess $_")->{status} } 1 .. 6;
is($status[0], 401, 'a wrong password');
ok((grep { $_ == 429 } @status), 'then 429') or diag "@status";
$r = login($carl);
is($r->{status}, 429, 'the right one has to wait, too');
cmp_ok($r->{headers}{'retry-after'}, '>=', 1, 'and is told how long');
ok($s->until(60, sub { login($carl)->{status} == 200 }), 'then it is good: no lock-out');
my ($known, $unknown) = (login($carl, 'wrong again'), login('nobody.here', 'wrong again'));
$_->{json}{error}{requestId} = '' for $known, $unknown;
is_deeply($known->{json}, $unknown->{json}, 'an unknown user is answered the same');

# ---- registration by invitation
$r = $s->post('/v1/auth/register', { name => 'dora', password => 'secret of dora' }, token => undef);
is($r->{status}, 403, 'no invitation: 403');
my $inv = $s->post('/v1/invitations', { uses => 1, role => 'viewer' })->{json};
ok($inv->{invitation}, 'an invitation');
my %dora = (name => 'dora', password => 'secret of dora', invitation => $inv->{invitation});
$r = $s->post('/v1/auth/register', \%dora, token => undef);
is($r->{status}, 201, 'register') or diag $r->{content};
is($r->{json}{user}{role}, 'viewer', 'with the role of the invitation');
is($s->post('/v1/auth/register', { %dora, name => 'dora2' }, token => undef)->{status}, 403,
  'once only');
is($s->post('/v1/users', { name => 'DORA', password => 'another one' })->{status}, 409,
  'a name is there once');

# ---- API tokens
my $finn = user();
my $finns = login($finn)->{json}{token};
my $pat = $s->post('/v1/auth/tokens', { scopes => 'read', description => 'ci' }, token => $finns)->{json};
like($pat->{token}, qr/^pat_/, 'an API token');
is($s->get('/v1/nodes', token => $pat->{token})->{status}, 200, 'reads');
is($s->post('/v1/measurements', { type => 'echo', target => 'x' }, token => $pat->{token})->{status},
  403, 'and does not measure');
is(me($pat->{token}), 403, 'nor look at the account');
is($s->delete("/v1/auth/tokens/$pat->{id}", token => login($carl)->{json}{token})->{status}, 404,
  'another cannot revoke it');
is($s->delete("/v1/auth/tokens/$pat->{id}", token => $finns)->{status}, 204, 'its owner can');
is($s->get('/v1/nodes', token => $pat->{token})->{status}, 401, 'it is over');
my $short = $s->post('/v1/auth/tokens', { ttl => '1s' }, token => $finns)->{json};
is($s->get('/v1/nodes', token => $short->{token})->{status}, 200, 'a short one is good');
ok($s->until(30, sub { $s->get('/v1/nodes', token => $short->{token})->{status} == 401 }),
  'until its time is over');

# ---- tiers, limits, credits
my $echo = { type => 'echo', target => 'x' };
$r = $s->put('/v1/tiers/small', { perHour => 3, nodes => 1, types => 'echo,ping', concurrent => 50 });
is($r->{status}, 200, 'a tier of our own') or diag $r->{content};
my $gina = user(tier => 'small');
my $ginas = login($gina)->{json}{token};
is($s->post('/v1/measurements', { type => 'dns', target => 'x.example' }, token => $ginas)->{status},
  400, 'a type that the tier lacks');
$r = $s->post('/v1/measurements', $echo, token => $ginas);
is($r->{status}, 202, 'a measurement') or diag $r->{content};
is($r->{headers}{"x-ratelimit-$_->[0]"}, $_->[1], "X-RateLimit-$_->[0]")
  for ['limit', 3], ['consumed', 1], ['remaining', 2];
cmp_ok($r->{headers}{'x-ratelimit-reset'}, '>', 3590, 'X-RateLimit-Reset');
is($r->{headers}{'x-request-cost'}, 1, 'X-Request-Cost');
$s->post('/v1/measurements', $echo, token => $ginas) for 1 .. 2;
$r = $s->post('/v1/measurements', $echo, token => $ginas);
is($r->{status}, 429, 'the fourth is too much');
is($r->{json}{error}{type}, 'rate_limit_exceeded', 'and says so');
is($r->{headers}{'x-ratelimit-remaining'}, 0, 'nothing remains');
ok(!defined $r->{headers}{'retry-after'}, 'no Retry-After there');
is($s->get('/v1/limits', token => $ginas)->{json}{rateLimit}{measurements}{create}{remaining}, 0,
  '/v1/limits says the same');
is($s->post("/v1/users/$gina/credits", { amount => 2, note => 'a gift' })->{json}{balance}, 2, 'grant');
$r = $s->post('/v1/measurements', $echo, token => $ginas);
is($r->{status}, 202, 'credits go beyond the limit');
is($r->{headers}{'x-credits-consumed'}, 1, 'X-Credits-Consumed');
is($r->{headers}{'x-credits-remaining'}, 1, 'X-Credits-Remaining');
@pids = map {
  my $pid = fork() // die;
  POSIX::_exit($s->post('/v1/measurements', $echo, token => $ginas)->{status} == 202 ? 7 : 0) if !$pid;
  $pid;
} 1 .. 6;
is(scalar(grep { waitpid($_, 0); $? >> 8 == 7 } @pids), 1, 'the last credit is spent once');
my $ledger = $s->get('/v1/credits', token => $ginas)->{json};
is($ledger->{balance}, 0, 'the ledger adds up');
ok($ledger->{checked}, 'and memory agrees');
is(scalar @{ $ledger->{entries} }, 3, 'one grant, two spent');
$r = $s->post('/v1/measurements', $echo, token => undef) for 1 .. 3;
is($r->{status}, 202, 'anonymous: three');
$r = $s->post('/v1/measurements', $echo, token => undef);
is($r->{status}, 429, 'and no more');
like($r->{json}{error}{message}, qr/for your IP address/, 'by address');

my @many = map { login(user())->{json}{token} } 1 .. 2;
my %by;
for my $i (1 .. 50) {
  $by{ $s->post('/v1/measurements', { type => 'ping', target => '127.0.0.1',
    measurementOptions => { packets => 1 } }, token => $many[$i % 2])->{status} }++;
}
is($by{202}, 40, 'one target is measured forty times a minute by all together');
is($by{429}, 10, 'then 429');

# ---- secrets of measurements
my $word = 'a planted canary';
my $keep = { type => 'keeper', target => 'x',
  measurementOptions => { auth => { word => $word }, hint => 'shown' } };
$r = $s->post('/v1/measurements', $keep);
is($r->{status}, 422, 'no node is trusted with a secret: 422') or diag $r->{content};
is($s->patch('/v1/nodes/node-eu', { trusted => JSON::PP::true, owner => $finn })->{status}, 200,
  'the operator trusts a node, and names who earns by it');
my $kept = $s->measure($keep);
is($kept->{results}[0]{result}{length}, length $word, 'then the node has the secret')
  or diag encode_json($kept);
is_deeply($kept->{measurementOptions}, { hint => 'shown' }, 'which nobody reads again');
$s->patch('/v1/nodes/node-eu', { trusted => JSON::PP::false });
my $plain = $s->measure({ %$keep, measurementOptions => { hint => 'x' } });
is($plain->{results}[0]{result}{length}, 0, 'without a secret any node will do');
ok($s->until(15, sub { $s->get("/v1/users/$finn/credits")->{json}{balance} >= 2 }),
  'the owner of the node earned a credit a task');
ok($s->get("/v1/users/$finn/credits")->{json}{checked}, 'which the ledger adds up to');

# ---- what was done
my $audit = $s->get('/v1/audit?limit=1000')->{json};
my ($patch) = grep { $_->{method} eq 'PATCH' && ($_->{note} // '') =~ /disabled=true/ } @$audit;
ok($patch, 'an administrative act is recorded') or diag explain $audit;
is($patch->{who}, 'admin token', 'with who');
is($patch->{from}, '127.0.0.1', 'and from where');
like($patch->{at}, qr/^20\d\d-/, 'and when');
ok((grep { $_->{path} eq "/v1/users/$gina/credits" } @$audit), 'a grant, too');
unlike(encode_json($audit), qr/secret of|a good new one/, 'no password in it');
unlike($s->log('controller'), qr/secret of|a good new one|eyJ|pat_|rt_|argon2/, 'nor in the log');

# ---- headers
$r = $s->get('/v1/auth/me', token => 'nonsense');
like($r->{headers}{'x-request-id'}, qr/^[0-9a-f]{16}$/, 'answers carry an id');
is($r->{json}{error}{requestId}, $r->{headers}{'x-request-id'}, 'errors repeat it');
like($r->{headers}{'content-security-policy'}, qr/default-src 'none'/, 'CSP');
is($r->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff');
is($r->{headers}{'referrer-policy'}, 'no-referrer', 'no referrer');

# ---- a restart
my $before = login($finn)->{json};
is($s->kill('controller', 'TERM'), 0, 'it stops cleanly') or diag $s->log('controller');
is(((stat "$s->{dir}/controller/secret")[2] & 07777), 0600, 'the secret is 0600');
$s->start_controller('--registration', 'open');
is(me($before->{token}), 200, 'a session outlives a restart');
is(refresh($before->{refreshToken})->{status}, 200, 'and goes on');
is($s->get('/v1/credits', token => login($gina)->{json}{token})->{json}{balance}, 0,
  'the balance is derived again');
is($s->post('/v1/auth/register', { name => 'hans', password => 'secret of hans' }, token => undef)
  ->{status}, 201, 'registration is open now');
$s->kill('controller', 'TERM');
my $found = 0;
for my $file (glob("$s->{dir}/controller/* $s->{dir}/*.log")) {
  open my $f, '<:raw', $file or next;
  local $/;
  $found++ if (<$f> // '') =~ /\Q$word\E|secret of|a good new one/;
}
is($found, 0, 'no secret and no password stands in a file of the controller or a log');
chmod 0640, "$s->{dir}/controller/secret";
my $pid = $s->spawn('controller', $s->controller_command);
waitpid $pid, 0;
delete $s->{pids}{controller};
isnt($?, 0, 'a secret that others may read is refused');
like($s->log('controller'), qr/can be read by others \(mode 0640\); chmod 600/, 'with the reason');
done_testing;
