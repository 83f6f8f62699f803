#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Identity under attack, each part with its figure: registration tokens, node keys, what ends with a
# session or token, stored passwords, guesses, what a caller may reach that is another's. Who may use
# which route and topic is roles.t; the bits of access tokens are controller/jwt_test.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Copy qw(copy);
use HTTP::Tiny;
use JSON::PP;
use Live;
use Sonde;
use Test::More;
use Time::HiRes qw(time sleep);

my ($T, $F) = (JSON::PP::true, JSON::PP::false);
my $bld = $ENV{top_builddir} || '.';
my $s = Sonde->new;
Sonde::link_or_copy("$bld/t/e2e/keeper/.libs/keeper.so", "$s->{plugins}/keeper.so");
$s->start_controller;

sub user {
  my ($name, %o) = @_;
  my $r = $s->post('/v1/users', { name => $name, password => "secret of $name", %o });
  die "no user: $r->{content}" if $r->{status} != 201;
}
sub login {
  my ($name, $password) = @_;
  return $s->post('/v1/auth/login', { name => $name, password => $password // "secret of $name" },
    token => undef);
}
sub me { return $s->get('/v1/auth/me', token => $_[0])->{status} }
# Requests that come from another address of this machine.
sub from {
  my ($address, $do) = @_;
  local $s->{http} = HTTP::Tiny->new(timeout => 60, local_address => $address);
  return $do->();
}
sub stored {
  my ($pattern, $dir) = @_;
  my %seen;
  for my $file (glob(($dir // "$s->{dir}/controller") . '/*.mdb'), glob("$s->{dir}/controller/*/*")) {
    open my $f, '<:raw', $file or next;
    local $/;
    my $bytes = <$f> // '';
    $seen{$1}++ while $bytes =~ /($pattern)/g;
  }
  return sort keys %seen;
}

subtest 'registration tokens' => sub {
  my $one = $s->registration_token(uses => 1);
  like($one, qr/^[a-z]+_[\w-]{43}$/, '256 random bits');
  my $usual = $s->post('/v1/registration-tokens', {})->{json};
  my ($row) = grep { $_->{id} eq $usual->{id} } @{ $s->get('/v1/registration-tokens')->{json} };
  ok($row, 'listed');
  is_deeply([ stored(qr/\Q$one\E/) ], [], 'the store holds no text of it');
  my @pids = map {
    my $i = $_;
    my $pid = fork() // die;
    if (!$pid) {
      my $r = $s->post('/v1/nodes/register', { name => "race$i", token => $one }, token => undef);
      POSIX::_exit($r->{status} == 201 ? 7 : 0);
    }
    $pid;
  } 1 .. 100;
  is(scalar(grep { waitpid($_, 0); $? >> 8 == 7 } @pids), 1, 'of a hundred at once exactly one wins');
  my $other = Sonde->new;
  $other->start_controller;
  my $r = $s->post('/v1/nodes/register', { name => 'x', token => $other->registration_token },
    token => undef);
  is($r->{status}, 401, "another controller's token");
  $other->kill('controller', 'TERM');
};

subtest 'node keys' => sub {
  $s->start_nodes('eu');
  my $dir = "$s->{dir}/node-eu";
  open my $f, '<', "$dir/node.key" or die $!;
  my ($key) = do { local $/; <$f> } =~ /(node_[\w-]{43})/;
  ok($key, '256 random bits');
  is_deeply([ stored(qr/\Q$key\E/) ], [], 'the store holds no text of it');
  # A copy of the node: both cannot be it, and the controller says so to the one it sends away.
  mkdir "$s->{dir}/twin";
  copy("$dir/node.key", "$s->{dir}/twin/node.key");
  chmod 0600, "$s->{dir}/twin/node.key";
  copy("$s->{dir}/node-eu.token", "$s->{dir}/twin.token");
  $s->start_node('twin');
  ok($s->until(30, sub { $s->log('node-eu') =~ /closed with 4409/ }), 'the same key from two places is seen')
    or diag $s->log('node-eu') . $s->log('twin');
  $s->kill('twin', 'KILL');
  ok($s->until(30, sub { ($s->node('node-eu') || {})->{status} eq 'online' }), 'the true one is back');
};

subtest 'what ends with a session or token' => sub {
  my $n = 0;
  my %ends = (
    'a changed password' => sub {
      my ($name, $token) = @_;
      $s->post('/v1/auth/password', { password => "secret of $name", newPassword => 'a good new one' },
        token => $token);
    },
    'another role' => sub { $s->patch("/v1/users/$_[0]", { role => 'viewer' }) },
    'a disabled account' => sub { $s->patch("/v1/users/$_[0]", { disabled => $T }) },
    'a password set by an administrator' => sub {
      $s->patch("/v1/users/$_[0]", { password => 'set by another' })
    },
    'logging out' => sub { $s->post('/v1/auth/logout', {}, token => $_[1]) },
    'logging out everywhere' => sub { $s->post('/v1/auth/logout', { all => $T }, token => $_[1]) },
    'a refresh token used twice' => sub {
      $s->post('/v1/auth/refresh', { refreshToken => $_[2] }, token => undef) for 1 .. 2;
      return { status => 200 };
    },
  );
  my $longest = 0;
  my $ended = sub {
    my ($what, $token, $live, $end) = @_;
    my $r = $end->();
    like($r->{status}, qr/^20\d$/, "$what is done") or diag $r->{content};
    my $start = time;
    ok($s->until(30, sub { me($token) == 401 }), "$what: 401");
    my ($last) = grep { $_->{closed} } $live->until(30, sub { $_[0]{closed} });
    is($last->{closed}, 4401, "$what: the open live connection is closed");
    $longest = time - $start if time - $start > $longest;
  };
  for my $what (sort keys %ends) {
    my $name = 'ended' . ++$n;
    user($name, role => 'operator');
    my $in = login($name)->{json};
    my $live = Live->new($s, token => $in->{token});
    $ended->($what, $in->{token}, $live, sub { $ends{$what}->($name, $in->{token}, $in->{refreshToken}) });
  }
  user('keeps', role => 'operator');
  my $in = login('keeps')->{json}{token};
  my $pat = $s->post('/v1/auth/tokens', {}, token => $in)->{json};
  my $live = Live->new($s, token => $pat->{token});
  my $bystander = Live->new($s, token => $in);
  $ended->('a revoked API token', $pat->{token}, $live,
    sub { $s->delete("/v1/auth/tokens/$pat->{id}", token => $in) });
  $bystander->say({ op => 'unsubscribe', id => 'x' });
  is(($bystander->until(10, sub { $_[0]{ok} || $_[0]{closed} }))[-1]{ok}, 'unsubscribe',
    "the same user's other connection stays");
  note sprintf 'the longest took %.2f s', $longest;
};

subtest passwords => sub {
  user("salt$_", password => 'one and the same') for 1 .. 2;
  my @hashes = stored(qr{\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[\w+/]+\$[\w+/]+});
  my %parameters = map { (/(m=\d+,t=\d+,p=\d+)/)[0] => 1 } @hashes;
  cmp_ok(scalar @hashes, '>=', 2, 'argon2id, with its parameters in the hash');
  is_deeply([ sort keys %parameters ], ['m=19456,t=2,p=1'], 'of 19 MiB and two passes');
  my %salt = map { (split /\$/)[4] => 1 } @hashes;
  is(scalar(keys %salt), scalar(@hashes), 'each has its own salt');
  is_deeply([ grep { length != 22 } keys %salt ], [], 'of 16 bytes');
  is_deeply([ stored(qr/one and the same|secret of \w+/) ], [], 'no password stands in the store');
  for my $bad ("nul\0inside it", 'x' x 1025, 'seven77', 'password123') {
    is($s->post('/v1/users', { name => 'bad', password => $bad })->{status}, 400, 'refused before it is hashed');
  }
  is($s->post('/v1/users', { name => 'long', password => 'x' x 1024 })->{status}, 201, '1 KiB is good');
  is(login('long', 'x' x 1024)->{status}, 200, 'and all of it counts');
  is(login('long', 'x' x 1023)->{status}, 401, 'to the last byte');
};

subtest guesses => sub {
  my $checks = sub { ($s->get('/metrics')->{content} =~ /^sonde_password_checks_total (\d+)/m)[0] };
  user('owner');
  my ($before, %status, @waits) = ($checks->());
  from('127.0.0.2', sub {
    for (1 .. 300) {
      my $r = login('owner', "guess $_");
      $status{ $r->{status} }++;
      push @waits, $r->{headers}{'retry-after'} if $r->{status} == 429;
    }
  });
  cmp_ok($status{401}, '<=', 10, 'of 300 guesses at one account at most ten are looked at');
  is($checks->() - $before, $status{401}, 'the others cost no hash');
  is($status{401} + $status{429}, 300, 'and are told when to come again');
  ok(!(grep { $_ < 1 || $_ > 900 } @waits), 'in one second to a quarter of an hour');
  is(login('owner')->{status}, 200, 'the owner, elsewhere, is not locked out');
  %status = ();
  $before = $checks->();
  from('127.0.0.3', sub { $status{ login("account$_", 'wrong')->{status} }++ for 1 .. 400 });
  is($status{401}, 100, 'guesses at many accounts: a hundred an address');
  is($status{429}, 300, 'then no more');
  is($checks->() - $before, 100, 'an unknown user costs the same hash');
  note "$status{401} of 400 were looked at";
  # Where the owner has been before he is let in, whatever else comes from there.
  is(from('127.0.0.5', sub { login('owner')->{status} }), 200, 'the owner logs in somewhere');
  from('127.0.0.5', sub {
    %status = ();
    $status{ login("other$_", 'wrong')->{status} }++ for 1 .. 150;
    is($status{429}, 50, 'that address is used for guesses at others');
    is(login('other150', 'wrong')->{status}, 429, 'and has no more of them');
    is(login('owner')->{status}, 200, 'the owner is let in there');
    is(login('owner', 'wrong')->{status}, 401, 'which is no way around the limit');
    my @after = map { login('owner', "guess $_")->{status} } 1 .. 20;
    cmp_ok(scalar(grep { $_ == 401 } @after), '<=', 9, 'of guesses at him');
  });
  from('127.0.0.4', sub {
    my ($known, $unknown) = (login('owner', 'wrong'), login('nobody.here', 'wrong'));
    $_->{json}{error}{requestId} = '' for $known, $unknown;
    is_deeply($known->{json}, $unknown->{json}, 'and is answered the same');
  });
};

subtest "what is another's" => sub {
  user('mine');
  user('theirs');
  my ($mine, $theirs) = map { login($_)->{json}{token} } qw(mine theirs);
  my $echo = { type => 'echo', target => 'slow', measurementOptions => { delay => '20s' } };
  my $m = $s->post('/v1/measurements', $echo, token => $theirs);
  is($m->{status}, 202, 'a measurement') or diag $m->{content};
  my $id = $m->{json}{id};
  my $pat = $s->post('/v1/auth/tokens', {}, token => $theirs)->{json}{id};
  my ($them) = grep { $_->{name} eq 'theirs' } @{ $s->get('/v1/users')->{json} };
  my ($me) = grep { $_->{name} eq 'mine' } @{ $s->get('/v1/users')->{json} };
  my @tries = (
    [ 'DELETE', "/v1/measurements/$id" ],
    [ 'GET', "/v1/measurements/$id/explain" ],
    [ 'DELETE', "/v1/auth/tokens/$pat" ],
    [ 'GET', "/v1/users/$them->{id}" ],
    [ 'GET', '/v1/users/theirs/credits' ],
    [ 'POST', '/v1/users/mine/credits', { amount => 5 } ],
    [ 'PATCH', '/v1/users/mine', { role => 'admin' } ],
    [ 'PATCH', '/v1/nodes/node-eu', { owner => 'mine' } ],
    [ 'POST', '/v1/auth/tokens', { role => 'operator' } ],
    (map { [ 'POST', '/v1/measurements', { type => 'echo', target => 'x', %$_ } ] }
      { owner => $them->{id} }, { user => 'theirs' }, { tier => 'premium' }, { sealed => 'x' },
      { schedule => $id }, { id => $id }, { node_id => 'x' }),
    (map { [ 'PATCH', '/v1/auth/me', $_ ] }
      { role => 'admin' }, { id => $them->{id} }, { name => 'theirs' }, { tier => 'premium' },
      { credits => 9 }, { version => 9 }, { disabled => $F }, { password => 'set without the old' }),
    (map { [ 'POST', '/v1/auth/tokens', $_ ] }
      { owner => $them->{id} }, { user => 'theirs' }, { kind => 'admin' }, { id => $pat }),
  );
  my @in = grep { $_ } map {
    my ($method, $path, $body) = @$_;
    my $r = $s->request($method, $path, $body, token => $mine);
    $r->{status} =~ /^(400|403|404)$/ ? undef : "$method $path " . encode_json($body // {}) . ": $r->{status}";
  } @tries;
  is_deeply(\@in, [], scalar(@tries) . ' tries, none let in');
  my ($after) = grep { $_->{name} eq 'mine' } @{ $s->get('/v1/users')->{json} };
  is($after->{$_} // '', $me->{$_} // '', "the own $_ is what it was") for qw(role tier id);
  is($s->get('/v1/auth/me', token => $theirs)->{json}{name}, 'theirs', 'the other is who he was');
  is_deeply([ map { $_->{id} } @{ $s->get('/v1/measurements', token => $mine)->{json}{measurements} } ],
    [], "the list does not show another's");
  is_deeply([ map { $_->{id} } @{ $s->get('/v1/measurements', token => $theirs)->{json}{measurements} } ],
    [$id], 'it shows the own');
  is($s->delete("/v1/measurements/$id", token => $theirs)->{status}, 200, 'its owner cancels it');
};

# When a node goes, what it measured moves only to where it may go.
subtest 'nodes out of reach stay so' => sub {
  my $stop = sub {
    my ($name) = @_;
    CORE::kill 'STOP', $s->{pids}{$name};
  };
  my $gone = sub {
    my ($name) = @_;
    is($s->delete("/v1/nodes/$name")->{status}, 204, "$name goes");
    CORE::kill 'CONT', $s->{pids}{$name};
    $s->kill($name, 'KILL');
  };
  $s->put('/v1/tiers/gold', { perHour => 1000, nodes => 10, concurrent => 50 });
  user('gold', tier => 'gold');
  user('plain');
  my %token = map { $_ => login($_)->{json}{token} } qw(gold plain);
  is($s->delete('/v1/nodes/node-eu')->{status}, 204, 'a fresh start');
  $s->kill('node-eu', 'KILL');
  $s->start_nodes(qw(a bound));
  $s->patch('/v1/nodes/node-bound', { tier => 'gold' });
  my %id;
  $stop->('node-a');
  for my $who (qw(plain gold)) {
    my $body = { type => 'echo', target => $who };
    my $r = $s->post('/v1/measurements', { %$body, $who eq 'gold' ? (limit => 2) : () },
      token => $token{$who});
    is($r->{status}, 202, "$who measures") or diag $r->{content};
    $id{$who} = $r->{json}{id};
  }
  $gone->('node-a');
  my $plain = $s->finished($id{plain});
  is($plain->{results}[0]{result}{failure}, 'node_lost', 'a node that is bound to a tier is no way out')
    or diag encode_json($plain);
  is($s->finished($id{gold})->{results}[0]{result}{status}, 'finished', 'but for that tier');

  $s->start_nodes(qw(b c d e));
  $s->patch('/v1/nodes/node-b', { trusted => $T });
  $stop->('node-b');
  my $kept = $s->post('/v1/measurements', { type => 'keeper', target => 'x',
    measurementOptions => { auth => { word => 'a canary' } } })->{json}{id};
  $s->patch('/v1/nodes/node-d', { trusted => $T });
  $gone->('node-b');
  my $m = $s->finished($kept);
  is($m->{results}[0]{result}{length}, length 'a canary', 'a secret moves to the one trusted node')
    or diag encode_json($m);
};
done_testing;
