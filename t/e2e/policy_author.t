#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A newcomer's path: a new policy, its tests, a simulation over recorded requests, applied, a
# measurement placed by it and explained, a mistake that changes nothing, and back again.
use strict;
use warnings;
use Cwd qw(abs_path getcwd);
use File::Copy qw(copy);
use File::Path qw(make_path);
use FindBin;
use lib "$FindBin::Bin/../lib";
# Commands run in a folder of their own: what the module reads must not be relative.
BEGIN { $ENV{$_} = abs_path($ENV{$_} || '.') for qw(top_srcdir top_builddir) }
use Sonde;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

my $src = $ENV{top_srcdir};
my $s = Sonde->new;
$s->{policies} = "$s->{dir}/policies";
make_path($s->{policies}, "$s->{dir}/work");
for my $file (glob "$src/policies/*.lua") {
  my ($name) = $file =~ m{([^/]+)$};
  copy($file, "$s->{policies}/$name") or die $!;
}

sub write_file {
  my ($path, $text) = @_;
  open my $f, '>', $path or die "$path: $!";
  print $f $text;
  close $f or die $!;
}

sub in_work {
  my (@args) = @_;
  my $old = getcwd();
  chdir "$s->{dir}/work" or die $!;
  my @r = $s->cli(@args);
  chdir $old or die $!;
  return @r;
}

$s->start_controller;
my @nodes = (
  [ 'eu-1', region => 'europe', asn => 64501, city => 'Berlin', country => 'DE' ],
  [ 'eu-2', region => 'europe', asn => 64502, city => 'Paris', country => 'FR' ],
  [ 'us-1', region => 'north-america', asn => 64501, city => 'Dallas', country => 'US' ],
  [ 'as-1', region => 'asia', asn => 64503, city => 'Tokyo', country => 'JP' ],
);
$s->start_node($_->[0], flags => { @{$_}[ 1 .. $#$_ ] }) for @nodes;
$s->wait_online(map { $_->[0] } @nodes);

# requests to replay
$s->measure({ type => 'echo', target => "t$_", limit => 2, policy => 'round_robin' }) for 1 .. 4;

# ---- policy new, check, test ----
my ($rc, $out, $err) = in_work(qw(policy new cheapest));
is($rc, 0, 'policy new') or diag $err;
like($out, qr/^cheapest\.lua\ncheapest\.t\.lua\n/, 'writes the policy and its tests');
($rc, $out) = in_work(qw(policy test .));
is($rc, 0, 'what it wrote passes its tests') or diag $out;
($rc) = in_work(qw(policy new cheapest));
is($rc, 1, 'and is not overwritten');

my $policy = "$s->{dir}/work/cheapest.lua";
my $good = <<'LUA';
-- The two cheapest regions, never two nodes of one network.
return {
  api = 1,
  summary = "cheapest two regions, never the same ASN",
  params = {
    regions = { type = "int", default = 2, min = 1, max = 20, help = "how many regions" },
  },
  pick = function(req, set, view)
    local cheap = lb.least(set, view.pressure, #set, view.rtt)
    local allowed = {}
    for i, region in ipairs(lb.values(cheap, view.region)) do
      if i <= req.params.regions then
        allowed = lb.join(allowed, lb.equal(cheap, view.region, region))
      end
    end
    local inside = lb.without(cheap, lb.without(cheap, allowed))
    return lb.first(lb.unique(inside, view.asn), req.want), "cheapest, one a network"
  end,
}
LUA
write_file($policy, $good);
write_file("$s->{dir}/work/cheapest.t.lua", <<'LUA');
local nodes = {
  { name = "a", region = "europe", asn = 1, load = 0.1 },
  { name = "b", region = "europe", asn = 1, load = 0.2 },
  { name = "c", region = "asia", asn = 2, load = 0.3 },
  { name = "d", region = "africa", asn = 3, load = 0.9 },
}
return {
  { name = "never the same ASN", given = nodes, when = { want = 4 }, expect = { "a", "c" } },
  { name = "three regions", given = nodes, when = { want = 4, params = { regions = 3 } },
    expect = { "a", "c", "d" } },
}
LUA
my $start = time;
($rc, $out, $err) = in_work(qw(policy check cheapest.lua));
is($rc, 0, 'policy check') or diag $err;
my $took = time - $start;
diag sprintf 'policy check took %.0f ms', $took * 1000;
cmp_ok($took, '<', 2, 'in no time');
(my $typo = $good) =~ s/lb\.values/lb.valuse/;
write_file($policy, $typo);
($rc, $out, $err) = in_work(qw(policy check cheapest.lua));
is($rc, 1, 'an unknown name');
is($err, "cheapest.lua:11: unknown name 'lb.valuse'; did you mean 'values'?\n", 'is said with a hint');
write_file($policy, $good);
($rc, $out) = in_work(qw(policy test .));
is($rc, 0, 'policy test') or diag $out;
like($out, qr/^ok 1 - cheapest: never the same ASN\nok 2 - .*\n1\.\.2\n$/, 'in TAP');

# ---- simulate ----
($rc, $out, $err) = in_work(qw(policy simulate cheapest.lua --nodes 200 --want 2 --count 300 -o json));
is($rc, 0, 'simulate with invented nodes') or diag $err;
my $report = JSON::PP::decode_json($out);
is($report->{decisions}, 300, 'as often as asked');
is($report->{fallbacks}, 0, 'without a fault');
ok($s->until(10, sub {
  ($rc, $out, $err) = in_work(qw(policy simulate cheapest.lua --from-store -o json));
  return $rc == 0 && JSON::PP::decode_json($out)->{decisions} >= 4;
}), 'simulate with the recorded requests') or diag "$rc $out $err";
$report = JSON::PP::decode_json($out);
is($report->{skipped}, 0, 'all of them');
cmp_ok($report->{changed}, '>', 0, 'it would have chosen otherwise');
is(scalar @{ $report->{changes} }, $report->{changed}, 'and each change is told');
($rc, $out) = in_work(qw(policy simulate cheapest.lua --from-store));
like($out, qr/what differs:\n  recorded /, 'for people too');

# ---- apply ----
($rc, $out, $err) = in_work(qw(policy apply cheapest.lua --dry-run));
is($rc, 0, 'a dry run') or diag $err;
isnt($s->get('/v1/policies/cheapest')->{status}, 200, 'applies nothing');
($rc, $out, $err) = in_work(qw(policy apply cheapest.lua));
is("$rc $out", "0 cheapest is version 1 now\n", 'apply') or diag $err;
my $m = $s->measure({ type => 'echo', target => 'x', limit => 3, policy => 'cheapest' });
is($m->{placement}{policy}, 'cheapest', 'a measurement is placed by it');
is($m->{placement}{fallback}, JSON::PP::false, 'by itself');
cmp_ok(scalar @{ $m->{results} }, '<=', 3, 'within the limit');
my %asn;
$asn{ $_->{probe}{asn} }++ for @{ $m->{results} };
is(scalar(grep { $_ > 1 } values %asn), 0, 'never the same ASN');
my %region = map { $_->{probe}{region} => 1 } @{ $m->{results} };
cmp_ok(scalar keys %region, '<=', 2, 'in two regions');

# ---- explain ----
my $e = $s->get("/v1/measurements/$m->{id}/explain")->{json};
is($e->{policy}, 'cheapest', 'explain names the policy');
is(scalar @{ $e->{steps} }, 1, 'one question');
my $d = $e->{steps}[0]{decision};
is_deeply($d->{chain}, [ { name => 'cheapest', version => 1 } ], 'its version');
is(scalar @{ $d->{nodes} }, 4, 'the candidates');
is($d->{reason}, 'cheapest, one a network', 'its reason');
is($d->{seed}, $e->{seed}, 'the seed');
is(scalar @{ $d->{answer} }, scalar @{ $m->{results} }, 'the answer');
is_deeply($e->{steps}[0]{chosen}, [ map { $_->{probe}{id} } @{ $m->{results} } ], 'as nodes');
($rc, $out) = $s->cli('measurement', 'explain', $m->{id});
is($rc, 0, 'sonde measurement explain');
like($out, qr/4 candidates, 3 wanted\.\nAsked: cheapest \(version 1\)/, 'says so');
my $one = $s->measure({ type => 'echo', target => 'x', locations => [ { region => 'asia' } ] });
$e = $s->get("/v1/measurements/$one->{id}/explain")->{json};
is($e->{steps}[0]{dropped}{location}, 3, 'what a filter dropped');
is_deeply([ sort map { "$_->{name} by $_->{by}" } @{ $e->{steps}[0]{droppedNodes} } ],
  [ map { "$_ by location" } qw(eu-1 eu-2 us-1) ], 'and which nodes');
is($s->get("/v1/measurements/$m->{id}/explain", token => undef)->{status}, 401,
  'explanations name nodes: not for everybody');

# A record is replayed by the tool, byte for byte the same answer.
write_file("$s->{dir}/work/record.json", JSON::PP->new->canonical->encode(
  $s->get("/v1/measurements/$m->{id}/explain")->{json}) . "\n");
my $tool = "$ENV{top_builddir}/sonde-policy";
$report = JSON::PP::decode_json(scalar qx($tool simulate $policy --input $s->{dir}/work/record.json));
is_deeply([ @{$report}{qw(decisions changed skipped)} ], [ 1, 0, 0 ], 'the decision replays');

# ---- a mistake ----
(my $broken = $good) =~ s/end,\n\}$/ennd,\n}/;
write_file($policy, $broken);
($rc, $out, $err) = in_work(qw(policy apply cheapest.lua));
is($rc, 1, 'a syntax error is refused');
like($err, qr{policies/cheapest\.lua:\d+: }, 'with file and line');
my $r = $s->put('/v1/policies/cheapest', { source => $broken });
is($r->{status}, 422, 'by REST too');
(my $wrong = $good) =~ s/req\.want\)/1)/;
write_file($policy, $wrong);
($rc, $out, $err) = in_work(qw(policy apply cheapest.lua));
is($rc, 1, 'so is one that fails its tests');
like($err, qr{cheapest\.t\.lua: never the same ASN: }, 'with the case');
$m = $s->measure({ type => 'echo', target => 'x', limit => 1, policy => 'cheapest' });
is($m->{placement}{version}, 1, 'the version before still works');

# ---- its lines ----
($rc, $out, $err) = $s->cli(qw(policy logs cheapest));
is($rc, 0, 'policy logs') or diag $err;
like($out, qr/^\S+Z version     version 1 decides$/m, 'with its version');
is($s->get('/v1/policies/cheapest/logs?lines=x')->{status}, 400, 'a bad number');
is($s->get('/v1/policies/nobody/logs')->{status}, 404, 'no such policy');
is($s->get('/v1/policies/cheapest/logs', token => undef)->{status}, 401, 'not for everybody');
is($s->put('/v1/policies/chatty', { source => <<'LUA' })->{status}, 200, 'one that says something');
return {
  api = 1, summary = "s",
  pick = function(req, set)
    lb.log("target " .. req.target)
    if req.target == "bad" then error("a fault") end
    return lb.first(set, req.want)
  end,
}
LUA
my $follow = open(my $following, '-|') // die $!;
if (!$follow) {
  open STDERR, '>', '/dev/null';
  @ENV{qw(SONDE_URL SONDE_TOKEN)} = ($s->url, $s->{token});
  exec "$ENV{top_builddir}/sonde", qw(policy logs -f chatty) or POSIX::_exit(127);
}
$s->measure({ type => 'echo', target => $_, policy => 'chatty' }) for qw(good bad);
my @said;
while (my $line = <$following>) {
  push @said, $line =~ /^\S+Z +(.*)$/;
  last if $line =~ /fault/;
}
kill 'TERM', $follow;
close $following;
is_deeply([ map { s/ +/ /r } @said ],
  [ 'version version 1 decides', 'log target good', 'log target bad',
    'fault policies/chatty.lua:5: a fault' ], 'logs -f goes on as they come');
my $logs = $s->get('/v1/policies/chatty/logs?after=2')->{json};
is_deeply([ map { "$_->{number} $_->{kind}" } @{ $logs->{lines} } ], [ '3 log', '4 fault' ],
  'by REST from a number on');
is($logs->{next}, 4, 'which is told');

# ---- the console ----
write_file("$s->{dir}/work/lines", <<'LINES');
#set
view.region
idle = lb.least(set, view.load, 2, view.asn)
#idle, req.want, req.target
lb.equal(set, view.region, "asia")
policy.pick(req, set, view)
req.params
io.open("/etc/passwd")
view.load[1] = 3
local function f() return f() + 1 end return f()
while true do end
x = { a = { b = 1 }, "z" }
x
:pick
:what
LINES
{
  local @ENV{qw(SONDE_URL SONDE_TOKEN)} = ($s->url, $s->{token});
  local $ENV{SONDE_POLICY_TOOL} = "$ENV{top_builddir}/sonde-policy";
  $out = qx(cd $s->{dir}/work && $ENV{top_builddir}/sonde policy console cheapest --want 2 --target 10.0.0.1 < lines 2> said);
  $rc = $?;
}
is($rc, 0, 'policy console') or diag $out;
like($out, qr/^4\n/, 'an expression');
like($out, qr/^\d+ \S+ = "[\w-]+"(, \d+ \S+ = "[\w-]+"){3}$/m, 'a column, by node');
like($out, qr/^2  2  "10\.0\.0\.1"$/m, 'a name that was assigned, and the request');
like($out, qr/^1 nodes: \d \S+$/m, 'a set, by name');
like($out, qr/^\d nodes: .*  "cheapest, one a network"$/m, 'the policy itself');
like($out, qr/^\{ regions = 2 \}$/m, 'its parameters');
like($out, qr/^\{ "z", a = \{ b = 1 \} \}$/m, 'a table');
like($out, qr/^2 of 4: .*\(cheapest, one a network, \d+ us\)$/m, ':pick decides');
my $said = do { local $/; open my $f, '<', "$s->{dir}/work/said" or die $!; <$f> };
is_deeply([ map { s/^line:1: //r =~ s/^\w+ (?=limit)//r } split /\n/, $said ],
  [ 'io is not available in a policy', 'a column of view cannot be changed: it is read-only',
    'limit reached', 'limit reached', ':what is no command; :help lists them' ],
  'what a policy cannot do the console cannot either') or diag $said;
($rc, $out, $err) = $s->cli(qw(policy console nobody));
is($rc, 5, 'a policy that is not there');

# ---- a change, a diff, and back ----
(my $changed = $good) =~ s/"cheapest, one a network"/"the second version"/;
write_file($policy, $changed);
($rc, $out) = in_work(qw(policy diff cheapest.lua));
like($out, qr/^--- cheapest, version 1\n.*^\+.*the second version/ms, 'diff against the active one');
($rc, $out) = in_work(qw(policy apply cheapest.lua));
is($out, "cheapest is version 2 now\n", 'the second version');
$m = $s->measure({ type => 'echo', target => 'x', limit => 1, policy => 'cheapest' });
is($m->{placement}{reason}, 'the second version', 'decides');
($rc, $out) = in_work(qw(policy rollback cheapest));
is($out, "cheapest is version 3 now\n", 'rollback is a version, too');
$m = $s->measure({ type => 'echo', target => 'x', limit => 1, policy => 'cheapest' });
is($m->{placement}{reason}, 'cheapest, one a network', 'with the text of the first');
($rc, $out) = in_work(qw(policy ls -o json));
my ($row) = grep { $_->{name} eq 'cheapest' } @{ JSON::PP::decode_json($out) };
is_deeply([ @{$row}{qw(name version entries)} ], [ 'cheapest', 3, ['pick'] ], 'policy ls');

# ---- hot reload of a file ----
write_file("$s->{policies}/from_file.lua",
  "return { api = 1, summary = 'one', pick = function(req, set) return set[1], 'one' end }\n");
ok($s->until(10, sub { $s->get('/v1/policies/from_file')->{status} == 200 }), 'a new file is loaded');
$m = $s->measure({ type => 'echo', target => 'x', policy => 'from_file' });
is($m->{placement}{reason}, 'one', 'and decides');
write_file("$s->{policies}/from_file.lua", "return { api = 1,\n");
ok($s->until(10, sub { $s->log('controller') =~ /from_file\.lua:2: .*the version before stays/ }),
  'a broken one is logged');
$m = $s->measure({ type => 'echo', target => 'x', policy => 'from_file' });
is($m->{placement}{reason}, 'one', 'and changes nothing');

# ---- swapping under load ----
my $swap = sub { "return { api = 1, summary = 's', pick = function(req, set, view) "
  . "return lb.least(set, view.pressure, req.want), 'v$_[0]' end }" };
$s->put('/v1/policies/swap', { source => $swap->(0) });
my $child = fork() // die "fork: $!";
if (!$child) {
  my $bad = grep { $s->put('/v1/policies/swap', { source => $swap->($_) })->{status} != 200 } 1 .. 30;
  POSIX::_exit($bad ? 1 : 0);
}
my @ids;
do {
  push @ids, map { $_->{id} } @{ $s->post('/v1/measurements',
    [ map { { type => 'echo', target => 'x', policy => 'swap' } } 1 .. 100 ])->{json} };
} while (!waitpid($child, POSIX::WNOHANG()) && @ids < 3000);
waitpid $child, 0;
my (%said, $wrong_ones);
for my $id (@ids) {
  my $one = $s->finished($id);
  $wrong_ones++ if $one->{status} ne 'finished' || $one->{placement}{fallback};
  $said{ $one->{placement}{reason} }++;
}
is($wrong_ones, undef, scalar(@ids) . ' measurements while a policy is swapped: none is disturbed');
is($s->get('/v1/policies/swap')->{json}{version}, 31, 'thirty versions came');
cmp_ok(scalar keys %said, '>', 1, 'several of them decided');

# ---- chains, params, admit ----
$m = $s->measure({ type => 'echo', target => 'x', limit => 1, policy => [qw(regional least_load)],
  locations => [ { region => 'asia' } ] });
is($m->{placement}{policy}, 'regional,least_load', 'a chain');
like($m->{placement}{reason}, qr/^regional: 1 in asia; least_load/, 'says what each did');
$r = $s->post('/v1/measurements', { type => 'echo', target => 'x', policy => 'least_load,regional' });
is($r->{status}, 400, 'one that cannot stand first');
like($r->{content}, qr/least_load cannot stand before another policy/, 'is said');
$r = $s->post('/v1/measurements', { type => 'echo', target => 'x', policy => 'cheapest',
  policyParams => { regoins => 1 } });
is($r->{status}, 400, 'a wrong parameter');
like($r->{content}, qr/did you mean/, 'is said with a hint');
$m = $s->measure({ type => 'echo', target => 'x', limit => 4, policy => 'cheapest',
  policyParams => { regions => 1 } });
my %one = map { $_->{probe}{region} => 1 } @{ $m->{results} };
is(scalar keys %one, 1, 'parameters reach the policy');
$s->put('/v1/policies/limited', { source => "return { api = 1, summary = 's', "
  . "admit = function(req) if req.target == 'no' then return false, 'not that one' end return 2 end }" });
$m = $s->measure({ type => 'echo', target => 'x', limit => 4, policy => 'limited' });
is(scalar @{ $m->{results} }, 2, 'admit narrows');
$r = $s->post('/v1/measurements', { type => 'echo', target => 'no', policy => 'limited' });
is($r->{status}, 403, 'and refuses');
is($r->{json}{error}{message}, 'not that one', 'with its reason');

# ---- quarantine ----
$s->put('/v1/policies/faulty', { source => "return { api = 1, summary = 's', "
  . "pick = function() error('broken') end }" });
$m = $s->measure({ type => 'echo', target => 'x', policy => 'faulty' }) for 1 .. 4;
is($m->{placement}{fallback}, JSON::PP::true, 'the built-in decides for a faulty policy');
like($m->{placement}{reason}, qr/^faulty is quarantined: policies\/faulty\.lua:1: broken/,
  'which three faults quarantine');
like($s->get('/metrics')->{content}, qr/^sonde_policies_quarantined_total 1$/m, 'and count');

like($s->get('/metrics')->{content}, qr/^sonde_policy_faults_total\{policy="faulty"\} 3$/m,
  'each policy counts its own');

# ---- a restart keeps versions and explanations ----
my $id = $m->{id};
$s->kill('controller', 'TERM');
$s->start_controller;
is($s->get('/v1/policies/cheapest')->{json}{version}, 3, 'versions outlive a restart');
is($s->get('/v1/policies/cheapest?version=2')->{json}{source}, $changed, 'with their texts');
is(scalar @{ $s->get("/v1/measurements/$id/explain")->{json}{steps} }, 1, 'explanations too');
done_testing;
