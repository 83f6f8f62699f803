#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A controller that faces strangers: bodies made to break a parser, requests forged by a page elsewhere,
# text made to forge log lines. Each is refused with a known error, nothing is
# done, and the controller is as it was.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Test::More;

my $s = Sonde->new;
$s->start_controller;
$s->start_nodes('eu');
my $pid = $s->{pids}{controller};
sub measurements { return scalar @{ $s->get('/v1/measurements?limit=1000')->{json}{measurements} } }
is($s->measure({ type => 'echo', target => 'x' })->{status}, 'finished', 'all is well');
my $before = measurements();

# ---- B7: JSON
my %json = (
  'too deep' => '[' x 33 . ']' x 33, 'far too deep' => '{"a":' x 20_000, 'deep objects' => '{"type":' x 40 . '1' . '}' x 40,
  'a key twice' => '{"type":"echo","type":"ping","target":"x"}', 'NUL in a text' => '{"type":"echo","target":"a\u0000b"}',
  'a NUL byte behind a number' => "{\"type\":\"echo\",\"target\":\"x\",\"limit\":1\0}",
  'a NUL byte' => "{\"type\":\"echo\",\"target\":\"a\0b\"}", 'half a surrogate' => '{"type":"echo","target":"\ud800"}',
  'surrogates in the wrong order' => '{"type":"echo","target":"\udc00\ud800"}', 'no UTF-8' => "{\"type\":\"echo\",\"target\":\"\xff\xfe\"}",
  'overlong UTF-8' => "{\"type\":\"echo\",\"target\":\"\xc0\xaf\"}", 'beyond a double' => '{"type":"echo","target":"x","limit":1e309}',
  'a huge number' => '{"type":"echo","target":"x","limit":1e308}', '2^63' => '{"type":"echo","target":"x","limit":9223372036854775808}',
  '-0' => '{"type":"echo","target":"x","limit":-0}', 'a fraction' => '{"type":"echo","target":"x","limit":1.5}',
  'not closed' => '{"type":"echo","target":"x"', 'rubbish behind' => '{"type":"echo","target":"x"}}', 'nothing' => '',
  'NaN' => '{"type":"echo","target":"x","limit":NaN}', 'a comma too many' => '{"type":"echo","target":"x",}',
  'many keys' => '{' . join(',', map { "\"k$_\":1" } 1 .. 8000) . '}', 'a long key' => '{"' . 'k' x 90_000 . '":1}',
  'a long text' => '{"type":"ping","target":"' . 'x' x 90_000 . '"}', 'an array of arrays' => '[[[]]]', 'a byte order mark' => "\xef\xbb\xbf{}",
);
for my $what (sort keys %json) {
  my $r = $s->post('/v1/measurements', $json{$what});
  is($r->{status}, 400, "$what: 400") or diag substr $r->{content}, 0, 300;
  like($r->{json}{error}{type} // '', qr/^(?:api|validation)_error$/, "$what: a known error");
  cmp_ok(length $r->{content}, '<', 16_384, "$what: a short answer");
}
for my $route ('/v1/schedules', '/v1/silences', '/v1/users', '/v1/auth/login', '/v1/registration-tokens', '/v1/nodes/register') {
  for my $what ('far too deep', 'a key twice', 'no UTF-8', 'not closed') {
    is($s->post($route, $json{$what})->{status}, 400, "$route: $what: 400");
  }
}

my $long = $s->post('/v1/measurements', '{"type":"ping","target":"' . 'x' x (1 << 20) . '"}');
is($long->{status}, 413, 'a text of 1 MiB: 413');
is($long->{json}{error}{type}, 'content_too_large', 'a known error');

# What a body of keys costs must grow with its length, whatever the keys are: the controller's own time,
# so that a busy machine does not matter.
sub cpu { open my $f, '<', "/proc/$pid/stat" or return 0; my @f = split ' ', (<$f> =~ s/.*\)//r); return $f[11] + $f[12] }
sub cost {
  my ($body, $times) = @_;
  my $from = cpu();
  $s->post('/v1/measurements', $body) for 1 .. $times;
  return (cpu() - $from) / $times * 10;
}
my $keys = sub { my ($n) = @_; return '{' . join(',', map { sprintf '"%05x":1', $_ * 4096 % 1048573 } 1 .. $n) . '}' };
cost($keys->(100), 20);
my ($few, $many) = (cost($keys->(2500), 160), cost($keys->(10_000), 40));
my $list = cost('[' . join(',', map { sprintf '"%05x",1', $_ } 1 .. 10_000) . ']', 40);
diag sprintf 'a body of 2,500 keys takes %.2f ms, of 10,000 %.2f ms (goal 20); as a list %.2f ms', $few, $many, $list;
cmp_ok($many, '<=', 12 * ($few || 0.01), 'four times as many keys do not take sixteen times as long') if !$s->sanitized;

# ---- G2: forged by a page elsewhere; a browser sends no token along, and there are no cookies
my $forged = 0;
my @types = ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json');
for my $type (@types) {
  for my $route ('POST /v1/measurements', 'POST /v1/schedules', 'POST /v1/users', 'POST /v1/registration-tokens',
    'PATCH /v1/nodes/node-eu', 'DELETE /v1/nodes/node-eu', 'PUT /v1/policies/mine', 'POST /v1/plugins/reload',
    'POST /v1/backup', 'POST /v1/nodes/node-eu/ban') {
    my ($method, $path) = split / /, $route;
    my $r = $s->{http}->request($method, $s->url . $path, { content => '{"type":"echo","target":"x","name":"a"}',
      headers => { 'content-type' => $type, origin => 'https://evil.example', 'sec-fetch-site' => 'cross-site',
        cookie => "token=$s->{token}; Authorization=Bearer $s->{token}" } });
    $forged++ if $r->{status} != 401;
    $forged++ if $r->{headers}{'set-cookie'} || ($r->{headers}{'access-control-allow-credentials'} // '') eq 'true';
  }
}
is($forged, 0, 'of 40 forged requests none is accepted, and no answer lets cookies in');
is(measurements(), $before, 'nothing was measured');
is($s->node('node-eu')->{status}, 'online', 'nobody was banned');

# ---- G3: log lines
my @evil = ("a\nFAKE", "a\r\n2026-01-01T00:00:00.000Z error fake: line", "a\e[31mred", "a\x{202e}b", "a\x{9b}2J", 'x' x 4000);
for my $text (@evil) {
  my $body = JSON::PP->new->utf8->encode({ name => $text, password => 'whatever it is' });
  $s->post('/v1/auth/login', $body, token => undef);
  $s->post('/v1/users', $body);
  $s->post('/v1/registration-tokens', JSON::PP->new->utf8->encode({ description => $text }));
  $s->patch('/v1/nodes/node-eu', JSON::PP->new->utf8->encode({ city => $text }));
  utf8::encode(my $path = substr $text, 0, 900);
  $path =~ s/([^a-zA-Z])/sprintf '%%%02X', ord $1/ge;
  $s->delete("/v1/nodes/$path");
  $s->put("/v1/policies/$path", { source => 'return {}' });
}
$s->patch('/v1/nodes/node-eu', { city => 'Frankfurt' });
my @lines = grep { length } split /\n/, ($s->log('controller') =~ s/^--- controller\n//r);
my @odd = grep { !/^\d{4}-\d\d-\d\dT[\d:.]+Z (?:error|warn |info |debug) \S+: / && !/^the admin token is in \// } @lines;
is_deeply(\@odd, [], 'each line of the log is one event');
is(scalar(grep { /[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80[\xaa-\xae]|\xc2[\x80-\x9f]/ } @lines), 0, 'and nothing a terminal obeys');
is(scalar(grep { length > 4096 } @lines), 0, 'and no longer than 4 KiB');
is(scalar(grep { /whatever it is/ } @lines), 0, 'no password');
is(scalar(grep { index($_, $s->{token}) >= 0 } @lines), 0, 'no token');

ok(kill(0, $pid), 'the controller lives');
is($s->measure({ type => 'echo', target => 'x' })->{status}, 'finished', 'all is well');

# ---- numbers where people write 1,5
subtest 'a locale with a comma' => sub {
  my $dir = "$s->{dir}/locales";
  mkdir $dir;
  plan skip_all => 'no de_DE.UTF-8 and no way to make it'
    if system("localedef -i de_DE -f UTF-8 $dir/de_DE.UTF-8 >/dev/null 2>&1") && !-e "$dir/de_DE.UTF-8/LC_NUMERIC";
  local @ENV{qw(LOCPATH LC_ALL LANG)} = ($dir, 'de_DE.UTF-8', 'de_DE.UTF-8');
  # The C library never frees what it makes of LOCPATH.
  local $ENV{ASAN_OPTIONS} = join ':', grep { length } $ENV{ASAN_OPTIONS} // '', 'detect_leaks=0';
  is(scalar qx{$^X -Mlocale -e 'printf "%.1f", 1.5'}, '1,5', 'it is in force');
  my $d = Sonde->new;
  $d->start_controller('--latitude', 52.5, '--longitude', 13.25);
  $d->start_node('komma', flags => { latitude => 50.25, longitude => 8.5 });
  $d->wait_online('komma');
  my $node = $d->node('komma');
  is($node->{location}{latitude}, 50.25, 'a number of the node arrives whole') or diag encode_json($node);
  is($d->patch('/v1/nodes/komma', '{"latitude":48.125}')->{status}, 200, 'a number of a request is taken');
  is($d->node('komma')->{location}{latitude}, 48.125, 'and kept');
  my $m = $d->measure({ type => 'ping', target => '127.0.0.1', measurementOptions => { packets => 2, interval => '1.5ms' } });
  my $r = $m->{results}[0]{result};
  is($r->{status}, 'finished', 'a ping') or diag encode_json($m);
  cmp_ok($r->{durationMs}, '>', 0, 'figures of a result');
  cmp_ok($r->{stats}{avg} * 1000, '>', 0, 'with points') or diag encode_json($r);
  $d->until(20, sub { @{ $d->get('/v1/series?type=ping')->{json}{series} || [] } });
  ok($d->get('/v1/series?type=ping')->{json}, 'figures over time are JSON');
  my @odd = grep { /^sonde/ && !/ [-+0-9.eE]+$/ } split /\n/, $d->get('/metrics')->{content};
  is_deeply(\@odd, [], 'metrics have points');
  for my $args ([ 'node', 'ls' ], [ 'node', 'show', 'komma' ], [ 'measurement', 'show', $m->{id} ], [ 'export' ]) {
    my ($code, $out, $err) = $d->cli(@$args);
    is($code, 0, "sonde @$args") or diag $err;
    unlike($out, qr/\d,\d{1,6}\b(?! ?\d{3})/, 'no commas in numbers');
  }
  my ($code, $out) = $d->cli('node', 'show', 'komma', '-o', 'json');
  is(eval { decode_json($out)->{location}{latitude} } // $out, 48.125, 'sonde node show -o json');
};
done_testing;
