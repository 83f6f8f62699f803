#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Who may do what: every row of the route table, with every method, asked by every kind of caller.
# The least role of each route stands here a second time on purpose: a route that this table does
# not know fails, and so does one whose role was changed in one place only.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use JSON::PP;
use Live;
use Sonde;
use Test::More;

my %LEAST = map { my ($route, $role) = /^(\S+ \S+) (\S+)$/ or die $_; ($route => $role) }
  grep { /\S/ } split /\n/, <<'TABLE';
POST /v1/measurements user
GET /v1/measurements/{id} public
GET /v1/measurements viewer
GET /v1/measurements/{id}/explain viewer
DELETE /v1/measurements/{id} user
POST /v1/measurements/{id}/rerun user
GET /v1/results watch
GET /v1/export watch
GET /v1/series watch
GET /v1/stats viewer
GET /v1/probes public
GET /v1/plugins public
POST /v1/plugins/reload admin
POST /v1/plugins/reload/{id} admin
GET /v1/policies viewer
GET /v1/policies/{id} viewer
GET /v1/policies/{id}/logs operator
GET /v1/columns operator
PUT /v1/policies/{id} admin
DELETE /v1/policies/{id}/shadow admin
POST /v1/policies/{id}/rollback admin
POST /v1/policies/{id}/simulate admin
POST /v1/nodes/register public
GET /v1/nodes viewer
GET /v1/nodes/{id} viewer
PATCH /v1/nodes/{id} operator
DELETE /v1/nodes/{id} operator
PATCH /v1/nodes/{id}/config operator
POST /v1/nodes/{id}/sync operator
POST /v1/nodes/{id}/rotate-key operator
POST /v1/nodes/{id}/ban operator
DELETE /v1/nodes/{id}/ban operator
GET /v1/nodes/{id}/logs operator
POST /v1/nodes/{id}/restart-runner operator
POST /v1/nodes/{id}/self-test operator
POST /v1/registration-tokens operator
GET /v1/registration-tokens operator
DELETE /v1/registration-tokens/{id} operator
POST /v1/auth/register public
POST /v1/auth/login public
POST /v1/auth/refresh public
POST /v1/auth/logout public
POST /v1/auth/password viewer
GET /v1/auth/me viewer
PATCH /v1/auth/me viewer
DELETE /v1/auth/me viewer
GET /v1/auth/tokens viewer
POST /v1/auth/tokens viewer
DELETE /v1/auth/tokens/{id} viewer
GET /v1/credits viewer
GET /v1/limits public
GET /v1/tiers public
PUT /v1/tiers/{id} admin
DELETE /v1/tiers/{id} admin
GET /v1/users admin
POST /v1/users admin
GET /v1/users/{id} admin
PATCH /v1/users/{id} admin
GET /v1/users/{id}/credits admin
POST /v1/users/{id}/credits admin
GET /v1/invitations admin
POST /v1/invitations admin
DELETE /v1/invitations/{id} admin
GET /v1/audit admin
POST /v1/schedules operator
GET /v1/schedules watch
POST /v1/schedules/{id}/run operator
POST /v1/schedules/{id}/pause operator
POST /v1/schedules/{id}/resume operator
GET /v1/schedules/{id} watch
PATCH /v1/schedules/{id} operator
DELETE /v1/schedules/{id} operator
GET /v1/events watch
POST /v1/events/{id}/ack operator
GET /v1/problems watch
GET /v1/silences watch
POST /v1/silences operator
DELETE /v1/silences/{id} operator
GET /health public
GET /ready public
GET /metrics public
POST /v1/backup admin
GET /v1/spec.yaml public
GET /.well-known/api-catalog public
TABLE

my %RANK = (public => 0, viewer => 1, user => 3, operator => 4, admin => 5);
my %ROLE = (PUBLIC => 'public', VIEWER => 'viewer', MEASURE => 'user', USER => 'user',
  WATCH => 'watch', OPERATOR => 'operator', ADMIN => 'admin');

my $src = $ENV{top_srcdir} || '.';
open my $f, '<', "$src/core/controller/api/route.c" or die $!;
my $table = do { local $/; <$f> };
$table =~ s/.*?api_routes\[\] = \{(.*?)\{ 0 \},.*/$1/s or die 'no route table';
my @rows;
push @rows, [$1, $2, $ROLE{$3}] while $table =~ /\{ SONDE_(\w+), "([^"]+)", ROLE_(\w+),/g;
my $starts = () = $table =~ /\{ SONDE_/g;
cmp_ok(scalar @rows, '>', 30, 'the route table is read');
is(scalar @rows, $starts, 'all of it');
for my $row (@rows) {
  my ($method, $path, $role) = @$row;
  my $least = $LEAST{"$method $path"};
  ok(defined $least, "$method $path has a row here") or next;
  is($role, $least, "$method $path asks for $least");
}
my %there = map { ("$_->[0] $_->[1]" => 1) } @rows;
ok($there{$_}, "$_ is a route") for sort keys %LEAST;

my $s = Sonde->new;
$s->start_controller('--limit-logins', 100000);
my %token = (none => undef, admin_token => $s->{token}, nonsense => 'sonde_nonsense',
  node_key => $s->post('/v1/nodes/register', { name => 'n', token => $s->registration_token },
    token => undef)->{json}{key});
my %rank = (none => 0, admin_token => 5);
for my $role (qw(viewer user operator admin)) {
  my %who = (name => "the.$role", password => "secret of $role");
  is($s->post('/v1/users', { %who, role => $role })->{status}, 201, "a $role");
  my $in = $s->post('/v1/auth/login', \%who, token => undef)->{json}{token};
  $token{$role} = $s->post('/v1/auth/tokens', { role => $role }, token => $in)->{json}{token};
  $rank{$role} = $RANK{$role};
  if ($role eq 'admin') {
    $token{admin_session} = $in;
    $rank{admin_session} = $RANK{admin};
    $token{expired} = $s->post('/v1/auth/tokens', { ttl => '1s', role => 'admin' }, token => $in)
      ->{json}{token};
    $token{reader} = $s->post('/v1/auth/tokens', { scopes => 'read', role => 'admin' }, token => $in)
      ->{json}{token};
  }
}
# Sessions that were good: one that was ended, one of another controller; and what is no access token.
{
  my %who = (name => 'the.admin', password => 'secret of admin');
  my $in = $s->post('/v1/auth/login', \%who, token => undef)->{json};
  is($s->post('/v1/auth/logout', {}, token => $in->{token})->{status}, 204, 'a session is ended');
  $token{ended} = $in->{token};
  $token{refresh} = $s->post('/v1/auth/login', \%who, token => undef)->{json}{refreshToken};
  my $other = Sonde->new;
  $other->start_controller;
  $other->post('/v1/users', { %who, role => 'admin' });
  $token{elsewhere} = $other->post('/v1/auth/login', \%who, token => undef)->{json}{token};
  $other->kill('controller', 'TERM');
}
my $useless = qr/^(?:expired|nonsense|node_key|ended|elsewhere|refresh)$/;
sleep 2;
ok($token{$_}, "there is a $_ to ask with") for grep { $_ ne 'none' } sort keys %token;

my %body = (POST => '{}', PUT => '{}', PATCH => '{}');
sub verdict {
  my ($method, $path, $caller) = @_;
  (my $url = $path) =~ s/\{id\}/nonesuch/;
  my $r = $s->request($method, $url, $body{$method}, token => $token{$caller});
  my $message = $r->{json} && ref $r->{json} eq 'HASH' ? $r->{json}{error}{message} // '' : '';
  return 401 if $r->{status} == 401 && $message eq 'Unauthorized.';
  return 403 if $r->{status} == 403 && $message =~ /may not do this/;
  return $r->{status} >= 500 ? $r->{status} : 'in';
}

# Watching is for viewers, operators and up: users see what is theirs.
sub may {
  my ($rank, $least) = @_;
  return $least eq 'watch' ? $rank == $RANK{viewer} || $rank >= $RANK{operator} : $rank >= $RANK{$least};
}

# What ends the caller's own account comes last.
my @order = sort { ($a->[1] eq '/v1/auth/logout' || "@$a[0,1]" eq 'DELETE /v1/auth/me') <=>
  ($b->[1] eq '/v1/auth/logout' || "@$b[0,1]" eq 'DELETE /v1/auth/me') } @rows;
my $cells = 0;
for my $row (@order) {
  my ($method, $path, $least) = @$row;
  my @wrong;
  my @callers = $path eq '/v1/auth/logout' || "$method $path" eq 'DELETE /v1/auth/me' ?
    ('none', grep { /$useless/ } sort keys %token) : sort keys %token;
  for my $caller (@callers) {
    my $want = $caller =~ $useless ? 401 :
      $caller eq 'reader' ?
        ($method eq 'GET' && ($path !~ m{^/v1/auth/} || $least eq 'public') ||
          ($method eq 'GET' && $least eq 'public') ? 'in' : 403) :
      $least eq 'public' ? 'in' : $caller eq 'none' ? 401 :
      may($rank{$caller}, $least) ? 'in' : 403;
    my $got = verdict($method, $path, $caller);
    push @wrong, "$caller: $got, not $want" if $got ne $want;
    $cells++;
  }
  ok(!@wrong, "$method $path") or diag join "\n", @wrong;
}
note "$cells cells";

my %methods;
push @{ $methods{ $_->[1] } }, $_->[0] for @rows;
for my $path (sort keys %methods) {
  my %has = map { ($_ => 1) } @{ $methods{$path} };
  (my $url = $path) =~ s/\{id\}/nonesuch/;
  # A fixed path may also be matched by one with {id}.
  my %also = map { ($_->[0] => 1) } grep { (my $p = $_->[1]) =~ s/\{id\}/[^\/]+/; $url =~ /^$p$/ } @rows;
  for my $method (grep { !$has{$_} && !$also{$_} } qw(GET POST PUT PATCH DELETE)) {
    is($s->request($method, $url, $body{$method})->{status}, 405, "$method $path is no route");
  }
}

# ---- websockets
sub upgrade {
  my ($path, $protocol, @headers) = @_;
  my $sock = IO::Socket::INET->new(PeerAddr => $s->{host}, PeerPort => $s->{port}, Timeout => 5)
    or die $!;
  print $sock "GET $path HTTP/1.1\r\nHost: $s->{host}:$s->{port}\r\nUpgrade: websocket\r\n" .
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" .
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: $protocol\r\n" .
    join('', map { "$_\r\n" } @headers) . "\r\n";
  my $line = <$sock> // '';
  while (defined(my $h = <$sock>)) { last if $h eq "\r\n" }
  return ($line =~ /^HTTP\/1\.1 (\d+)/ ? $1 : 0, $sock);
}
sub hello {
  my ($sock, $text) = @_;
  my $mask = "\x01\x02\x03\x04";
  my $data = $text ^ substr($mask x length $text, 0, length $text);
  my $len = length $text;
  print $sock "\x81", $len < 126 ? chr(0x80 | $len) : chr(0x80 | 126) . pack('n', $len), $mask, $data;
  read $sock, my $head, 2 or return 'closed';
  read $sock, my $payload, ord(substr $head, 1, 1) & 0x7f;
  return ord($head) == 0x88 ? unpack('n', $payload) : "frame " . ord($head);
}
my @ws = ('/v1/nodes/connect', 'sonde.node.v1');
is((upgrade(@ws))[0], 101, 'a node opens its websocket');
is((upgrade(@ws, 'Origin: ' . $s->url))[0], 101, 'a page of this host may');
for my $origin ('http://evil.example', 'null', 'https://' . "$s->{host}:$s->{port}",
  $s->url . '.evil.example', $s->url . ' http://x', 'HTTP://' . "$s->{host}:$s->{port}",
  "http://$s->{host}") {
  is((upgrade(@ws, "Origin: $origin"))[0], 403, "a page of $origin may not");
}
is((upgrade('/v1/nope', 'sonde.node.v1'))[0], 404, 'no websocket elsewhere');
for my $caller (sort grep { defined $token{$_} && $_ ne 'node_key' } keys %token) {
  my ($status, $sock) = upgrade(@ws, "Authorization: Bearer $token{$caller}");
  my $node = '01arz3ndektsv4rrffq69g5fav';
  my $got = hello($sock, encode_json({ type => 'hello', node => $node, key => $token{$caller},
    version => '1', capacity => 1, wall_ms => 1, plugins => { plugins => [] } }));
  like($got, qr/^44\d\d$/, "the credential of $caller opens no node's session");
}

# ---- topics of /v1/live
my %TOPIC = (results => 'watch', nodes => 'viewer', events => 'watch', stats => 'viewer',
  measurement => 'public', secrets => 'nobody');
for my $caller (sort keys %token) {
  my $l = Live->new($s, token => undef);
  if (defined $token{$caller}) {
    $l->say({ op => 'auth', token => $token{$caller} });
    my $said = $l->next(20);
    if ($caller =~ $useless) {
      is($said->{closed}, 4401, "$caller gets no live session");
      next;
    }
    is($said->{ok}, 'auth', "$caller opens a live session") or next;
  }
  for my $topic (sort keys %TOPIC) {
    my $least = $TOPIC{$topic};
    my $rank = $caller eq 'reader' ? 5 : $rank{$caller};
    my $want = $least eq 'nobody' ? 'topics are' : may($rank, $least) ? 'subscribe' :
      $caller eq 'none' ? 'Send a token' : 'may not hear';
    $l->say({ op => 'subscribe', id => $topic, topic => $topic,
      $topic eq 'measurement' ? (measurement => '01arz3ndektsv4rrffq69g5fav') : () });
    my ($first) = grep { ($_->{id} || '') eq $topic } $l->until(20, sub { ($_[0]{id} || '') eq $topic });
    like($first->{ok} // $first->{error} // '', qr/$want/, "$caller and the topic $topic");
  }
}
done_testing;
