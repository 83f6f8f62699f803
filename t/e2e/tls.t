#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# TLS: the controller serves with a certificate, node and client trust exactly what they are told.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(capture);
use Sonde;
use JSON::PP;
use Test::More;

plan skip_all => 'needs openssl and curl'
  if grep { (capture('sh', '-c', "command -v $_"))[0] } qw(openssl curl);
my $s = Sonde->new;
my $d = $s->{dir};

sub certificate {
  my ($name) = @_;
  my ($rc, $text) = capture('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:P-256', '-nodes', '-days', 2, '-subj', "/CN=$name", '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', "$d/$name.key", '-out', "$d/$name.crt");
  BAIL_OUT($text) if $rc;
}
certificate($_) for qw(right wrong);

my $url = "https://127.0.0.1:$s->{port}";
my $bad = $s->spawn('controller', Sonde::program('sonde-controller'), '--cert', "$d/right.crt");
waitpid $bad, 0;
delete $s->{pids}{controller};
is($? >> 8, 2, 'a certificate without its key is a usage error');
like($s->log('controller'), qr/cert and key are given together/, 'and says so');

$s->spawn('controller', $s->controller_command('--cert', "$d/right.crt", '--key', "$d/right.key"));
sub curl { return capture('curl', '-sS', '--max-time', 5, @_) }
ok($s->until(20, sub { (curl('--cacert', "$d/right.crt", "$url/ready"))[1] =~ /^ready/ }),
  'ready over TLS') or diag $s->log('controller');
ok($s->until(5, sub { -s "$d/admin.token" }), 'an admin token was made');
open my $f, '<', "$d/admin.token" or die $!;
chomp(my $token = <$f>);
isnt((curl("http://127.0.0.1:$s->{port}/ready"))[0], 0, 'no clear text on that port');
isnt((curl('--cacert', "$d/right.crt", '--tls-max', '1.1', "$url/ready"))[0], 0, 'no TLS 1.1');
like((curl('--cacert', "$d/right.crt", '-o', '/dev/null', '-w', '%{http_version}', '--http2',
  "$url/ready"))[1], qr/^1\.1/, 'no HTTP/2');

sub handshake {
  my (@how) = @_;
  my ($rc, $text) = capture('sh', '-c', 'echo | exec timeout 10 openssl s_client -connect "$0" "$@" 2>&1',
    "127.0.0.1:$s->{port}", '-CAfile', "$d/right.crt", @how);
  return $text =~ /^\s*New, (TLSv1\.\d), Cipher is (\S+)/m ? "$1 $2" : 'none';
}
like(handshake(), qr/^TLSv1\.3 /, 'TLS 1.3 is preferred');
like(handshake('-tls1_2'), qr/^TLSv1\.2 ECDHE-\S+(?:GCM|POLY1305)/, 'TLS 1.2 with forward secrecy');
is(handshake('-tls1_2', '-cipher', $_), 'none', "not with $_")
  for 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384', 'AES128-GCM-SHA256', 'NULL:@SECLEVEL=0';
# A client that asks for another handshake, or for compression, gets neither.
my (undef, $again) = capture('sh', '-c', 'mkfifo "$2" && exec 3<>"$2" && echo R >&3 &&
  exec timeout 20 openssl s_client -connect "$0" -tls1_2 -CAfile "$1" <&3 2>&1', "127.0.0.1:$s->{port}", "$d/right.crt", "$d/fifo");
like($again, qr/RENEGOTIATING.*no renegotiation/s, 'no renegotiation');
my (undef, $packed) = capture('sh', '-c', 'echo | timeout 10 openssl s_client -connect "$0" -tls1_2 -comp -CAfile "$1" 2>&1',
  "127.0.0.1:$s->{port}", "$d/right.crt");
like($packed, qr/^Compression: NONE/m, 'no compression');

$ENV{SONDE_TOKEN} = $token;
my ($rc, $out) = capture(Sonde::program('sonde'), 'node', 'ls', '--url', $url, '--ca-file',
  "$d/wrong.crt");
is($rc, 7, 'the client refuses a certificate it does not trust') or diag $out;
($rc, $out) = capture(Sonde::program('sonde'), 'token', 'create', '--uses', 2, '--approve', '--url',
  $url, '--ca-file', "$d/right.crt");
is($rc, 0, "and works with the right one") or diag $out;
open my $t, '>', "$d/n.token" or die $!;
print $t $out;
close $t;
chmod 0600, "$d/n.token";

sub node {
  my ($name, $ca) = @_;
  $s->spawn($name, Sonde::program('sonde-node'), '--controller', $url, '--ca-file', $ca, '--state',
    "$d/$name", '--name', $name, '--token-file', "$d/n.token", '--plugins', $s->{plugins},
    '--runner', Sonde::program('sonde-runner'), '--link-backoff-min', '50ms', '--link-backoff-max',
    '200ms');
}
node('n1', "$d/right.crt");
ok($s->until(20, sub {
  (capture(Sonde::program('sonde'), 'node', 'ls', '--url', $url, '--ca-file', "$d/right.crt", '-o',
    'jsonl'))[1] =~ /"status":"online"/;
}), 'a node comes online over TLS') or diag $s->log('n1');
($rc, $out) = capture(Sonde::program('sonde'), 'echo', 'hello', '--url', $url, '--ca-file',
  "$d/right.crt", '-o', 'json');
is($rc, 0, 'and measures') or diag $out;

$s->kill('n1', 'TERM');
node('n1', "$d/wrong.crt");
ok($s->until(10, sub { $s->log('n1') =~ /certificate|trust|verify|tls|ssl/i }),
  'a node that trusts another certificate says why it does not connect') or diag $s->log('n1');

# A certificate that is trusted but of another host.
$s->kill($_, 'TERM') for 'n1', 'controller';
my ($made, $why) = capture('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
  '-days', 2, '-subj', '/CN=elsewhere', '-addext', 'subjectAltName=DNS:elsewhere.example', '-keyout', "$d/elsewhere.key",
  '-out', "$d/elsewhere.crt");
is($made, 0, 'a certificate of another host') or diag $why;
$s->spawn('controller', $s->controller_command('--cert', "$d/elsewhere.crt", '--key', "$d/elsewhere.key"));
ok($s->until(20, sub { (curl('-k', "$url/ready"))[1] =~ /^ready/ }), 'is served');
is((capture(Sonde::program('sonde'), 'node', 'ls', '--url', $url, '--ca-file', "$d/elsewhere.crt"))[0], 7,
  'the client refuses it');
my $seen = length $s->log('n1');
node('n1', "$d/elsewhere.crt");
ok($s->until(20, sub { substr($s->log('n1'), $seen) =~ /certificate|trust|verify|host|tls|ssl/i }), 'and so does a node');
is((curl('-k', '-H', "Authorization: Bearer $token", "$url/v1/nodes"))[1] =~ /"status":"online"/, '', 'which stays away');
done_testing;
