#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A certificate is renewed while the controller serves: SIGHUP, and new handshakes get the new one, of
# whatever kind its key is; open connections stay; a bad file changes nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Copy qw(copy);
use House qw(capture);
use IO::Handle;
use Sonde;
use Test::More;

plan skip_all => 'needs openssl and curl'
  if grep { (capture('sh', '-c', "command -v $_"))[0] } qw(openssl curl);
my $s = Sonde->new;
my $d = $s->{dir};
umask 077; # a key that others can read is refused
my %kind = (
  ec => [qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256)], rsa => [qw(-newkey rsa:2048)],
);
# name => kind of key. Each is its own CA.
my %made = (first => 'ec', second => 'ec', third => 'rsa');
for my $name (sort keys %made) {
  my ($rc, $text) = capture('openssl', 'req', '-x509', @{ $kind{ $made{$name} } }, '-nodes', '-days', 20,
    '-subj', "/CN=$name", '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', "$d/$name.key", '-out',
    "$d/$name.crt");
  BAIL_OUT($text) if $rc;
}
sub install { my ($crt, $key) = @_; copy($crt, "$d/live.crt") && copy($key, "$d/live.key") or die $! }
sub installed { my ($name) = @_; install("$d/$name.crt", "$d/$name.key") }
sub hang_up { kill 'HUP', $s->{pids}{controller} }

my $at = "127.0.0.1:$s->{port}";
sub served {
  my (@how) = @_;
  my ($rc, $text) = capture('sh', '-c', 'echo | exec timeout 10 openssl s_client -connect "$0" "$@" 2>&1', $at, @how);
  return $text =~ /^subject=CN\s*=\s*(\w+)/m ? $1 : "none: $text";
}
sub logged {
  my ($pattern) = @_;
  return $s->until(20, sub { $s->log('controller') =~ $pattern });
}

installed('first');
$s->spawn('controller', $s->controller_command('--cert', "$d/live.crt", '--key', "$d/live.key"));
ok($s->until(20, sub { served() eq 'first' }), 'one certificate is served') or diag $s->log('controller');

# A connection that is open all the while, in the middle of its first request.
my ($pid, $to, $from);
{
  pipe my $out_r, $to or die $!;
  pipe $from, my $in_w or die $!;
  $pid = fork() // die $!;
  if (!$pid) {
    open STDIN, '<&', $out_r or die $!;
    open STDOUT, '>&', $in_w or die $!;
    close $to;
    exec 'openssl', 's_client', '-quiet', '-connect', $at or die $!;
  }
}
$to->autoflush(1);
my $request = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
sub answered {
  print $to $request;
  while (defined(my $line = <$from>)) { return 1 if $line =~ m{HTTP/1\.1 200} }
  return 0;
}
ok(answered(), 'a connection is open');

installed('second');
is(served(), 'first', 'files alone change nothing');
hang_up();
ok($s->until(20, sub { served() eq 'second' }), 'after SIGHUP the new one is served') or diag $s->log('controller');
ok(logged(qr/live\.crt was read again; it is good until \d{4}-\d\d-\d\d/), 'the log says so, and until when');
ok(answered(), 'the open connection goes on');
is((capture('curl', '-sS', '--cacert', "$d/second.crt", "https://$at/health"))[1], 'Alive', 'and a client trusts it');

installed('third');
hang_up();
ok($s->until(20, sub { served() eq 'third' }), 'one with a key of another kind');
like(served('-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'), qr/^none/, 'and the old one is gone for good');
is(served('-tls1_2'), 'third', 'for TLS 1.2 as well');

my %bad = (
  'the key of another' => sub { install("$d/second.crt", "$d/first.key") },
  'half a file' => sub { truncate "$d/live.crt", 100 },
  'an empty file' => sub { truncate "$d/live.crt", 0 },
  'no file' => sub { unlink "$d/live.crt" },
  'no key' => sub { install("$d/second.crt", "$d/second.key"); unlink "$d/live.key" },
);
my $complaints = 0;
for my $what (sort keys %bad) {
  installed('third');
  $bad{$what}->();
  hang_up();
  my $n = ++$complaints;
  ok($s->until(20, sub { my @all = $s->log('controller') =~ /(live\.(?:crt|key) is .*that was served before stays)/g; @all >= $n }),
    "$what: said") or diag $s->log('controller');
  is(served(), 'third', "$what: the old one stays");
}
installed('first');
hang_up();
ok($s->until(20, sub { served() eq 'first' }), 'a good one is taken again');
kill 'TERM', $pid;
waitpid $pid, 0;
is($s->kill('controller', 'TERM'), 0, 'the controller stops');

$s->spawn('plain', $s->controller_command);
ok($s->until(20, sub { $s->log('plain') =~ /serving on/ }), 'without a certificate');
kill 'HUP', $s->{pids}{plain};
ok($s->until(20, sub { $s->log('plain') =~ /no certificate to read again/ }), 'SIGHUP is no harm');
done_testing;
