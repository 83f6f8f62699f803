#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Secrets at rest and in passing. A canary of each kind is planted; none is found in a file of the
# controller or a node, a log, a backup, an argument or the environment of any process, or an answer that
# is not meant to hold it. A start with a secret file that others can read is refused; no core files.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Certs;
use File::Find ();
use House qw(capture slurp);
use JSON::PP;
use Live;
use Sonde;
use Test::More;

my ($T, $bld) = (JSON::PP::true, $ENV{top_builddir} || '.');
my $root = !$>;
my $s = Sonde->new;
my $d = $s->{dir};
delete @ENV{qw(SONDE_TOKEN SONDE_URL)};
$ENV{HOME} = $ENV{XDG_CONFIG_HOME} = "$d/home";
mkdir "$d/home";
Sonde::link_or_copy("$bld/t/e2e/keeper/.libs/keeper.so", "$s->{plugins}/keeper.so");
sub file { my ($path, $text) = @_; open my $f, '>', $path or die "$path: $!"; print $f $text; close $f; chmod 0600, $path }
sub under { my ($dir) = @_; my @all; File::Find::find({ no_chdir => 1, wanted => sub { push @all, $_ if -f } }, $dir); return @all }

# ---- the canaries
my %canary = (password => 'a canary of a password', new_password => 'a canary of a newer one', wrong => 'a canary of a wrong guess',
  measurement => 'a canary in a measurement', header => 'a canary in a header',
  basic => 'a canary of basic authentication', again => 'a canary of a later one', hook_secret => 'acanaryofahook', hook_path => 'acanaryinapath');
file("$d/hook.secret", "$canary{hook_secret}\n");
file("$d/hook.url", $s->url . "/$canary{hook_path}\n"); # where nothing is, so that it cannot be told
my @notify = ('--notify', "webhook \@$d/hook.url secret=$d/hook.secret severity=info");
$s->start_controller(@notify);
$canary{admin_token} = $s->{token};
$canary{registration_token} = $s->registration_token(uses => 1);
$s->start_node('keeper', token => $canary{registration_token});
$s->wait_online('keeper');
$s->patch('/v1/nodes/keeper', { trusted => $T });
$s->start_node('other', flags => { 'uplink-targets' => '127.0.0.1:' . Sonde::free_port() });
$s->wait_online('other');
($canary{node_key}) = slurp("$d/keeper/node.key") =~ /^key (\S+)/m;
is($s->post('/v1/users', { name => 'anna', password => $canary{password}, role => 'operator' })->{status}, 201, 'a user');
my $in = $s->post('/v1/auth/login', { name => 'anna', password => $canary{password} }, token => undef)->{json};
@canary{qw(access_token refresh_token)} = @$in{qw(token refreshToken)};
$canary{api_token} = $s->post('/v1/auth/tokens', {}, token => $in->{token})->{json}{token};
($canary{secret}) = slurp("$d/controller/secret") =~ /(\S+)/;
is(scalar(grep { !$_ || length $_ < 12 } values %canary), 0, scalar(keys %canary) . ' canaries are planted');

# A canary is looked for as it is and as base64 of it in any of the three ways it can be cut.
sub spellings {
  require MIME::Base64;
  my ($text) = @_;
  return ($text, map { my $b = MIME::Base64::encode_base64('x' x $_ . $text, ''); substr $b, 4, length($b) - 8 } 0 .. 2);
}
my %spelled = map { $_ => [ spellings($canary{$_}) ] } keys %canary;
sub canaries { my ($text) = @_; return grep { my $c = $_; grep { index($text, $_) >= 0 } @{ $spelled{$c} } } sort keys %canary }
is_deeply([ canaries("x $canary{password} y") ], ['password'], 'a canary is seen');
is_deeply([ canaries(MIME::Base64::encode_base64("qq$canary{password}z", '')) ], ['password'], 'in base64, too');

# ---- what is done with them; every answer that need not hold one is kept
my (@answers, %said);
my $live = Live->new($s);
$live->say({ op => 'subscribe', id => $_, topic => $_ }) for qw(nodes results events stats);
sub keep { my ($what, $r) = @_; $said{$what} .= join "\n", $r->{content} // '', map { "$_: $r->{headers}{$_}" } keys %{ $r->{headers} || {} }; return $r }
my $ask = { type => 'keeper', target => 'x', measurementOptions => { auth => { word => $canary{measurement} } } };
my $m = keep(measure => $s->post('/v1/measurements', $ask, token => $in->{token}));
is($m->{status}, 202, 'a measurement with a secret') or BAIL_OUT($m->{content});
my $id = $m->{json}{id};
is($s->finished($id)->{results}[0]{result}{length}, length $canary{measurement}, 'which reached the plugin');
my $page = keep(http => $s->post('/v1/measurements', { type => 'http', target => '127.0.0.1', measurementOptions => { protocol => 'HTTP',
  port => $s->{port}, request => { method => 'GET', path => '/health', user => 'anna', password => $canary{basic},
  secretHeaders => { 'X-Key' => $canary{header} } } } }, token => $in->{token}));
is($page->{status}, 202, 'one with a secret header and a password') or diag $page->{content};
$page = $page->{json}{id};
is($s->finished($page)->{results}[0]{result}{status}, 'finished', 'is answered');
file("$d/pass.word", "$canary{basic}\n");
my @typed = ('http', '127.0.0.1', 'from', 'keeper', '--protocol', 'HTTP', '--port', $s->{port}, '--request-path', '/health', '--request-user', 'anna');
my ($code, $shown, $why) = $s->cli(@typed, '--request-password', "\@$d/pass.word");
is($code, 0, 'the client takes a password from a file') or diag $why;
is_deeply([ canaries($shown . $why) ], [], 'and does not show it');
($code, undef, $why) = $s->cli(@typed, '--request-password', "\@$d/none");
is($code, 2, 'a file that is not there') or diag $why;
like($why, qr/cannot open \Q$d\E\/none/, 'is named');
is($s->post('/v1/measurements', { type => 'http', target => '127.0.0.1', locations => [ { node => 'other' } ],
  measurementOptions => { request => { user => 'anna', password => $canary{basic} } } })->{json}{error}{message},
  'No matching IPv4 probes available. Its secrets are for trusted nodes only.', 'a node without trust is none');
keep(rerun => $s->post("/v1/measurements/$id/rerun", {}, token => $in->{token}));
keep(measured => $s->post('/v1/measurements', { %$ask, nosuch => $canary{again} }));
keep(option => $s->post('/v1/measurements', { %$ask, measurementOptions => { auth => { word => $canary{again} x 9 } } }));
keep(schedule => $s->post('/v1/schedules', { %$ask, name => 'x', interval => '1m' }));
keep(wrong => $s->post('/v1/auth/login', { name => 'anna', password => $canary{wrong} }, token => undef));
keep(member => $s->post('/v1/auth/login', { name => 'anna', password => $canary{wrong}, more => 1 }, token => undef));
keep(half => $s->post('/v1/auth/login', qq({"name":"anna","password":"$canary{wrong}"), token => undef));
keep(user => $s->post('/v1/users', { name => 'b', password => $canary{wrong}, role => 'no such role' }));
keep(register => $s->post('/v1/nodes/register', { name => 'x', token => $canary{registration_token} }, token => undef));
keep(refresh => $s->post('/v1/auth/refresh', { refreshToken => "$canary{refresh_token}A" }, token => undef));
keep(bearer => $s->get('/v1/nodes', token => "$canary{api_token}x"));
keep(path => $s->get('/v1/nodes/no-such-node', token => $canary{api_token}));
keep(change => $s->post('/v1/auth/password', { password => $canary{password}, newPassword => $canary{new_password} }, token => $in->{token}));
my @routes = ('/v1/nodes', '/v1/nodes/keeper', '/v1/users', '/v1/auth/tokens', '/v1/registration-tokens', '/v1/measurements', "/v1/measurements/$id",
  "/v1/measurements/$id/explain", "/v1/measurements/$page", '/v1/results', '/v1/export', '/v1/events', '/v1/problems', '/v1/audit?limit=1000', '/v1/policies', '/v1/stats',
  '/v1/schedules', '/metrics', '/v1/nodes/keeper/logs', '/v1/plugins/keeper');
keep($_ => $s->get($_)) for @routes;
$said{live} .= encode_json($_) while $_ = $live->next(1);
is_deeply([ map { my $what = $_; map { "$what: $_" } canaries($said{$what}) } sort keys %said ], [],
  'of ' . keys(%said) . ' kinds of answers none holds a canary');
is((grep { ($said{$_} // '') =~ /\w/ } keys %said), scalar(keys %said), 'and all say something');

# ---- processes: arguments and environment, which others may read or which children inherit
my %program;
for my $dir (glob '/proc/[0-9]*') {
  my ($pid) = $dir =~ /(\d+)/;
  my $line = eval { slurp("$dir/cmdline") } // next;
  next unless index($line, $d) >= 0 || grep { $_ == $pid } values %{ $s->{pids} };
  my $name = $line =~ m{/(sonde-[a-z]+)\0} ? $1 : next;
  $program{$name}++;
  my $environ = eval { slurp("$dir/environ") } // '';
  is_deeply([ canaries($line . $environ) ], [], "$name: arguments and environment");
  my ($core) = (eval { slurp("$dir/limits") } // '') =~ /^Max core file size +(\S+ +\S+)/m;
  like($core, qr/^0 +0$/, "$name: no core file");
}
is_deeply([ sort keys %program ], [qw(sonde-controller sonde-node sonde-runner)], 'all three programs were looked at');

# ---- files
ok($s->until(60, sub { $s->log('controller') =~ /webhook \S+ was not told/ }), 'a webhook was tried') or diag $s->log('controller');
my ($rc, $out, $err) = $s->cli('backup', "$d/backup");
is($rc, 0, 'a backup') or diag $err;
my %home = ("$d/controller/secret" => 'secret', "$d/keeper/node.key" => 'node_key');
is_deeply([ canaries(slurp($_)) ], [ $home{$_} ], 'the one file that must hold it does') for sort keys %home;
sub look {
  my ($when) = @_;
  my (@found, $looked);
  for my $path (under("$d/controller"), under("$d/keeper"), under("$d/other"), "$d/backup", glob "$d/*.log") {
    $looked++;
    push @found, "$path: $_" for grep { $_ ne ($home{$path} // '') } canaries(slurp($path));
  }
  cmp_ok($looked, '>', 8, "$when: files were looked at");
  is_deeply(\@found, [], "$when: none but its own file holds a canary");
}
look('running');
my @wide = grep { (stat $_)[2] & 077 || (stat _)[4] != $> } under("$d/controller"), under("$d/keeper"), "$d/backup", "$d/admin.token";
is_deeply(\@wide, [], 'all of them are for their owner only');
$s->kill($_, 'TERM') for qw(keeper other controller);
look('stopped');

# ---- a start with a file that others can read
my $certs = Certs->new($d);
$certs->certificate('tls');
file("$d/fresh.token", "srt_x\n");
my @node = (Sonde::program('sonde-node'), '--controller', $s->url, '--plugins', $s->{plugins}, '--runner', Sonde::program('sonde-runner'));
my @controller = $s->controller_command(@notify, '--cert', "$d/tls.crt", '--key', "$d/tls.key");
file("$d/home/sonde.contexts", '{}');
mkdir "$d/home/sonde";
file("$d/home/sonde/contexts.json", '{"contexts":{}}');
my %start = (
  "$d/controller/secret" => \@controller, "$d/tls.key" => \@controller, "$d/admin.token" => \@controller,
  "$d/hook.secret" => \@controller, "$d/hook.url" => \@controller,
  "$d/keeper/node.key" => [ @node, '--state', "$d/keeper" ],
  "$d/fresh.token" => [ @node, '--state', "$d/fresh", '--token-file', "$d/fresh.token" ],
  "$d/home/sonde/contexts.json" => [ Sonde::program('sonde'), 'node', 'ls' ],
);
for my $path (sort keys %start) {
  for my $mode (0644, 0640, 0620) {
    chmod $mode, $path;
    my ($code, $text) = capture('timeout', '20', @{ $start{$path} });
    like($code, qr/^[12]$/, sprintf '%s with mode %04o is refused', $path =~ s{.*/}{}r, $mode) or diag $text;
    like($text, qr/\Q$path\E can be read by others \(mode \Q@{[ sprintf '%04o', $mode ]}\E\); chmod 600 \Q$path\E/, 'with the way out') or diag $text;
  }
  chmod 0600, $path;
  next unless $root;
  chown 65534, 65534, $path;
  my ($code, $text) = capture('timeout', '20', @{ $start{$path} });
  like("$code $text", qr/^[12] .*\Q$path\E belongs to user 65534, and this runs as user 0; chown 0 \Q$path\E/s, 'as is the file of another user');
  chown 0, 0, $path;
}

# ---- where secrets may come from
subtest 'systemd credentials, and never the environment' => sub {
  my $t = Sonde->new;
  mkdir "$t->{dir}/credentials";
  file("$t->{dir}/credentials/sonde.secret", slurp("$d/controller/secret"));
  local $ENV{CREDENTIALS_DIRECTORY} = "$t->{dir}/credentials";
  chmod 0440, "$t->{dir}/credentials/sonde.secret"; # as systemd leaves it: the right of the service is in an ACL
  $t->start_controller;
  ok(!-e "$t->{dir}/controller/secret", 'the controller takes its secret from there');
  file("$t->{dir}/credentials/sonde.token", $t->registration_token . "\n");
  $t->spawn('n', Sonde::program('sonde-node'), '--controller', $t->url, '--state', "$t->{dir}/n", '--name', 'n', '--plugins', $t->{plugins},
    '--runner', Sonde::program('sonde-runner'), '--api-listen', '');
  $t->wait_online('n');
  pass('a node its token');
  $t->kill($_, 'TERM') for qw(n controller);
  chmod 0444, "$t->{dir}/credentials/sonde.secret";
  my ($code, $text) = capture('timeout', '20', $t->controller_command);
  like("$code $text", qr/^1 .*can be read by others/s, 'even there not what everybody can read');
  delete $ENV{CREDENTIALS_DIRECTORY};
  local @ENV{qw(SONDE_REGISTRATION_TOKEN SONDE_TOKEN)} = ('srt_x') x 2;
  ($code, $text) = capture('timeout', '20', @node, '--state', "$t->{dir}/none");
  like("$code $text", qr/^1 .*give --token-file/s, 'a token in the environment is not taken');
  ($code, $text) = capture('timeout', '20', @node, '--state', "$t->{dir}/none", '--registration-token', 'srt_x');
  is($code, 2, 'nor one among the arguments');
};

# ---- memory: no other process of the same user may look into it
SKIP: {
  skip 'a sanitizer looks into its own process', 2 if !(capture('sh', '-c', "ldd '$bld/sonde-node' | grep -q asan"))[0];
  my @as = $root ? ('setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups') : ();
  skip 'this folder is closed to other users', 2 if (capture(@as, 'test', '-r', "$ENV{top_srcdir}/policies", '-a', '-x', $bld))[0];
  my $t = Sonde->new;
  chmod 0755, $t->{dir};
  mkdir "$t->{dir}/$_", 0700 for qw(controller n);
  chown 65534, 65534, "$t->{dir}/$_" for $root ? qw(controller n) : ();
  $t->spawn('controller', @as, grep { $_ ne '--admin-token-file' && $_ !~ /admin\.token$/ } $t->controller_command);
  ok($t->until(30, sub { $t->get('/ready')->{status} == 200 }), 'a controller of another user') or diag $t->log('controller');
  is((stat "/proc/$t->{pids}{controller}/environ")[4], 0, 'its memory belongs to root alone');
}
done_testing;
