#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The API's own description: it has the routes of the route table and no other, a linter finds nothing
# wrong with it, and what a running controller answers is what it promises, for every GET route.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(make_var slurp srcdir);
use JSON::PP;
use Sonde;
use Test::More;

my $src = abs_path(srcdir());

# ---- the route table and the document ----
my (%table, %spec);
my $rows = slurp("$src/core/controller/api/route.c");
while ($rows =~ /\{ SONDE_(\w+), "([^"]+)", ROLE_(\w+), \w+,\s+"([^"]+)" \}/g) {
  $table{"$1 $2"} = { role => lc $3, summary => $4 };
}
my ($path, $at);
for my $line (split /\n/, slurp("$src/core/controller/api/spec.yaml")) {
  last if $line =~ /^components:/;
  $path = $1 if $line =~ m{^  (/\S+):$};
  $at = $spec{ uc($1) . " $path" } = {} if $line =~ /^    (get|put|post|patch|delete):$/;
  $at->{summary} = $1 if $line =~ /^      summary: "(.*)"$/;
  $at->{role}    = $1 if $line =~ /^      x-role: (\w+)$/;
  $at->{open}    = $1 =~ /\{\}/ ? 1 : 0 if $line =~ /^      security: (.*)$/;
}
cmp_ok(scalar keys %table, '>', 50, 'the route table was read');
is_deeply([ sort keys %spec ], [ sort keys %table ], 'the document has the routes of the table');
for my $route (sort keys %table) {
  my ($t, $s) = ($table{$route}, $spec{$route} || {});
  is($s->{summary}, $t->{summary}, "$route: summary");
  is($s->{role}, $t->{role}, "$route: role");
  is($s->{open} || 0, $t->{role} =~ /^(?:public|measure)\z/ ? 1 : 0, "$route: with or without a token");
}

# ---- a controller with something of everything ----
my $s = Sonde->new;
$s->start_controller;
my @nodes = $s->start_nodes(qw(eu us));
my $m = $s->measure({ type => 'ping', target => '127.0.0.1', limit => 2, timeout => 9,
  locations => [ { magic => "europe" } ] });
my (@exchanges, %seen);

# One request, remembered under its route.
sub talk {
  my ($method, $route, $id, $query, $body, %o) = @_;
  (my $url = $route) =~ s{\{id\}}{$id // ''}e;
  my $r = $s->request($method, $url . ($query // ''), $body, %o);
  my %e = (method => $method, path => $route, status => $r->{status} + 0, url => $url . ($query // ''),
    type => $r->{headers}{'content-type'}, answer => $r->{json}, ok => $r->{success} ? JSON::PP::true : JSON::PP::false);
  $e{sent} = $body if ref $body;
  push @exchanges, \%e;
  $seen{"$method $route"} ||= $r->{success};
  return $r;
}

my $id = talk(POST => '/v1/measurements', '', '', { type => 'echo', target => 'x', limit => 2,
    locations => [ { magic => 'europe' } ], priority => 70, policy => 'least_load' })->{json}{id};
talk(POST => '/v1/measurements', '', '', [ map { { type => 'echo', target => $_ } } 'a', 'b' ]);
talk(POST => '/v1/measurements', '', '?wait=20s', { type => 'echo', target => 'y' });
talk(POST => '/v1/measurements', '', '', { type => 'echo', target => 'x', limit => 0 });
talk(POST => '/v1/measurements', '', '', { type => 'echo', target => 'x', locations => [ { country => 'JP' } ] });
$s->finished($id);
talk(POST => '/v1/measurements/{id}/rerun', $id, '?nodes=same');
talk(DELETE => '/v1/measurements/{id}', $id);
my $slow = talk(POST => '/v1/measurements', '', '', { type => 'ping', target => '127.0.0.1',
    measurementOptions => { packets => 50 } })->{json}{id};
talk(GET => '/v1/measurements/{id}', $slow);
talk(DELETE => '/v1/measurements/{id}', $slow);

my $schedule = talk(POST => '/v1/schedules', '', '', { name => 'every', type => 'echo', target => 'x',
    interval => '1s', locations => [ { magic => 'europe' } ], limit => 2 })->{json}{id};
talk(POST => '/v1/schedules', '', '', { name => 'every', type => 'echo', target => 'x', interval => '1s' });
$s->until(30, sub { ($s->get("/v1/schedules/$schedule")->{json}{received} || 0) > 1 });
talk(PATCH => '/v1/schedules/{id}', $schedule, '', { description => 'often' });
talk(POST => "/v1/schedules/{id}/$_", $schedule) for qw(pause resume run);

my $made = talk(POST => '/v1/registration-tokens', '', '', { description => 'for a test', ttl => '1h' })->{json};
talk(POST => '/v1/nodes/register', '', '', { token => $made->{token}, name => 'by-hand', country => 'DE',
    tags => [ 'a', 'b' ] });
talk(DELETE => '/v1/registration-tokens/{id}', $made->{id});
talk(PATCH => '/v1/nodes/{id}', $nodes[0], '', { priority => 60, tags => [ 'x' ], contact => 'me', remarks => 'here' });
talk(PATCH => '/v1/nodes/{id}', $nodes[0], '', { priority => 61 }, headers => { 'content-type' => 'text/plain' });
talk(PATCH => '/v1/nodes/{id}/config', $nodes[0], '', { capacity => 9 });
talk(POST => "/v1/nodes/{id}/$_", $nodes[0]) for qw(sync rotate-key restart-runner self-test);
talk(POST => '/v1/nodes/{id}/ban', 'by-hand', '', { reason => 'no reason', for => '1h' });
talk(GET => '/v1/nodes/{id}', 'by-hand');
talk(DELETE => '/v1/nodes/{id}/ban', 'by-hand');
talk(POST => '/v1/nodes/{id}/sync', 'by-hand');
talk(DELETE => '/v1/nodes/{id}', 'by-hand');
talk(POST => '/v1/plugins/reload');
talk(POST => '/v1/plugins/reload/{id}', $nodes[0]);
talk(PUT => '/v1/policies/{id}', 'mine', '', { source => slurp("$src/policies/least_load.lua") });
talk(PUT => '/v1/policies/{id}', 'mine', '?shadow=1', { source => slurp("$src/policies/least_load.lua") });
talk(PUT => '/v1/policies/{id}', 'mine', '', { source => 'no' });
talk(GET => '/v1/policies/{id}', 'mine');
talk(GET => '/v1/policies/{id}/logs', 'mine', '?lines=5');
talk(GET => '/v1/columns', '', '?type=ping&target=example.com');
talk(GET => '/v1/policies/{id}/logs', 'mine', '?lines=x');
talk(DELETE => '/v1/policies/{id}/shadow', 'mine');
talk(POST => '/v1/policies/{id}/simulate', 'mine', '', { nodes => 5, count => 10, want => 2 });
talk(POST => '/v1/policies/{id}/rollback', 'mine', '?version=1');
my $silence = talk(POST => '/v1/silences', '', '', { match => '*', duration => '1h', comment => 'quiet' })->{json}{id};

# ---- accounts ----
my $in = talk(POST => '/v1/users', '', '', { name => 'anna', password => 'secret of anna', role => 'operator' });
talk(POST => '/v1/users', '', '', { name => 'anna', password => 'secret of anna' });
my $session = talk(POST => '/v1/auth/login', '', '', { name => 'anna', password => 'secret of anna' },
    token => undef)->{json};
talk(POST => '/v1/auth/login', '', '', { name => 'anna', password => 'no' }, token => undef);
$session = talk(POST => '/v1/auth/refresh', '', '', { refreshToken => $session->{refreshToken} },
    token => undef)->{json};
$session = talk(POST => '/v1/auth/password', '', '', { password => 'secret of anna', newPassword => 'another of anna' },
    token => $session->{token})->{json};
my @anna = (token => $session->{token});
talk(GET => '/v1/auth/me', '', '', undef, @anna);
talk(PATCH => '/v1/auth/me', '', '', { display => 'Anna' }, @anna);
my $pat = talk(POST => '/v1/auth/tokens', '', '', { description => 'mine', scopes => 'read' }, @anna)->{json};
talk(GET => '/v1/auth/tokens', '', '', undef, @anna);
talk(DELETE => '/v1/auth/tokens/{id}', $pat->{id}, '', undef, @anna);
talk(GET => '/v1/users', '', '', undef, @anna);
talk(POST => '/v1/users/{id}/credits', 'anna', '', { amount => 5, note => 'a gift' });
talk(GET => '/v1/credits', '', '', undef, @anna);
talk(GET => '/v1/limits', '', '', undef, @anna);
talk(PATCH => '/v1/users/{id}', 'anna', '', { role => 'viewer' });
talk(PUT => '/v1/tiers/{id}', 'own', '', { perHour => 7 });
talk(DELETE => '/v1/tiers/{id}', 'own');
my $invitation = talk(POST => '/v1/invitations', '', '', { description => 'a friend' })->{json};
talk(GET => '/v1/invitations');
talk(DELETE => '/v1/invitations/{id}', $invitation->{id});
talk(POST => '/v1/auth/register', '', '', { name => 'ben', password => 'secret of ben' }, token => undef);

# Every GET route, by what it needs.
my %in = ('/v1/measurements/{id}' => $m->{id}, '/v1/measurements/{id}/explain' => $m->{id},
  '/v1/policies/{id}' => 'least_load', '/v1/nodes/{id}' => $nodes[0], '/v1/nodes/{id}/logs' => $nodes[0],
  '/v1/schedules/{id}' => $schedule, '/v1/users/{id}' => 'anna', '/v1/users/{id}/credits' => 'anna');
my %more = ('/v1/series' => '?by=node,region,type,target', '/v1/export' => '?format=csv',
  '/v1/measurements' => '?limit=2');
for my $route (map { /^GET (.*)/ ? $1 : () } sort keys %table) {
  talk(GET => $route, $in{$route}, $more{$route});
  talk(GET => $route, $in{$route}) if $more{$route};
  talk(GET => $route, 'not-there') if $route =~ /\{id\}/;
  talk(GET => $route, $in{$route}, '', undef, token => 'wrong');
  ok($seen{"GET $route"}, "GET $route was answered") or diag explain $exchanges[-2];
}
talk(POST => '/v1/backup');
talk(DELETE => '/v1/silences/{id}', $silence);
talk(DELETE => '/v1/schedules/{id}', $schedule);

my $served = $s->get('/v1/spec.yaml');
like($served->{headers}{'content-type'}, qr{^application/yaml}, 'the document is served');
my $version = make_var('PACKAGE_VERSION');
(my $want = slurp("$src/core/controller/api/spec.yaml")) =~ s/PACKAGE_VERSION/$version/;
ok($served->{content} eq $want, 'as it is in the tree, with the version of the program');
like($served->{content}, qr/^  version: '\d+\.\d+/m, 'which is a number');
my $catalog = $s->get('/.well-known/api-catalog', token => undef);
like($catalog->{headers}{'content-type'}, qr{^application/linkset\+json}, 'a catalog');
is($catalog->{json}{linkset}[0]{'service-desc'}[0]{href}, '/v1/spec.yaml', 'that points to the document');

# ---- with the tools of the dashboard's locked packages ----
my $dir = tempdir(CLEANUP => 1);
sub modules {
  return "$src/web/node_modules" if -x "$src/web/node_modules/.bin/redocly";
  copy("$src/web/$_", "$dir/$_") or die "copy $_: $!" for qw(package.json package-lock.json .npmrc);
  system("cd $dir && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1");
  return -x "$dir/node_modules/.bin/redocly" ? "$dir/node_modules" : undef;
}
SKIP: {
  skip 'no npm here: the document was not linted', 1 if system('npm --version >/dev/null 2>&1');
  my $modules = modules();
  skip 'the packages of web/ cannot be had: the document was not linted', 1 if !$modules;
  local $ENV{REDOCLY_TELEMETRY} = 'off';
  local $ENV{REDOCLY_SUPPRESS_UPDATE_NOTICE} = 'true';
  open my $f, '>', "$dir/spec.yaml" or die $!;
  print $f $served->{content};
  close $f;
  my $lint = "cd $dir && $modules/.bin/redocly";
  my $said = `$lint lint --extends=recommended-strict --format=stylish spec.yaml 2>&1`;
  is($?, 0, 'the linter finds nothing') or diag $said;
  $said = `$lint bundle spec.yaml --ext=json -o spec.json 2>&1`;
  is($?, 0, 'as JSON') or diag $said;
  open $f, '>', "$dir/exchanges.json" or die $!;
  print $f encode_json(\@exchanges);
  close $f;
  my @judged = split /\n/, `node $FindBin::Bin/spec.mjs $modules $dir/spec.json $dir/exchanges.json`;
  is(scalar @judged, scalar @exchanges, 'each exchange was held to the document');
  for my $i (0 .. $#judged) {
    my $e = $exchanges[$i];
    is($judged[$i], 'null', "$e->{method} $e->{url}: $e->{status}") or
      diag substr encode_json($e->{answer} // {}), 0, 600;
  }
}
done_testing;
