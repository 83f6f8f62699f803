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
done_testing;
