#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Requests that two readers could read in two ways, to real controllers: clear and over TLS. The table
# is t/net/malformed.h.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(capture);
use IO::Socket::INET;
use Sonde;
use Test::More;

my $bld = $ENV{top_builddir} || '.';

sub all_refused {
  my ($s, @how) = @_;
  my (undef, $text) = capture("$bld/t/net/smuggler", $s->{port}, @how);
  my ($planned) = $text =~ /^1\.\.(\d+)/ or return fail "no tests: $text";
  my $passed = () = $text =~ /^ok /mg;
  is($passed, $planned, "$planned malformed requests" . (@how ? ' over TLS' : '') . ': each has its answer, the next one none')
    or diag join '', grep { /^(?:not|#)/ } map { "$_\n" } split /\n/, $text;
}

my $s = Sonde->new;
$s->start_controller;
my $before = $s->get('/metrics')->{content};
all_refused($s);
is($s->get('/ready')->{status}, 200, 'the controller serves');

# In two pieces the head cannot be read to the letter: it is answered, and nothing after it.
for my $before (0, 1) {
  my $c = IO::Socket::INET->new(PeerAddr => $s->{host}, PeerPort => $s->{port}, Timeout => 10) or die $!;
  $c->autoflush(1);
  my $in = '';
  print $c "GET /ready HTTP/1.1\r\nHost: x\r\n\r\n" if $before;
  while ($before && $in !~ /ready$/) { sysread($c, $in, 65536, length $in) or die 'closed' }
  print $c "GET /ready HTTP/1.1\r\nHost: x\r\nX-A: b\n";
  ok($s->until(10, sub { open my $f, '<', '/proc/net/tcp' or die $!; my $at = sprintf ':%04X', $c->sockport;
    return scalar grep { my @f = split; ($f[2] // '') =~ /$at$/ && $f[4] =~ /:0+$/ } <$f> }), 'the first piece is read');
  print $c "X-B: c\r\n\r\nGET /ready HTTP/1.1\r\nHost: x\r\n\r\n";
  $in .= do { local $/; <$c> };
  is(scalar(() = $in =~ m{HTTP/1\.1 }g), 1 + $before, "a head in two pieces, behind $before: one answer, and closed");
}

SKIP: {
  my $t = Sonde->new;
  my @pem = ("$t->{dir}/c.crt", "$t->{dir}/c.key");
  my ($rc, $text) = capture('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', 2, '-subj', '/CN=localhost', '-out', $pem[0], '-keyout', $pem[1]);
  skip 'no certificate: openssl is not there', 1 if $rc;
  $t->spawn('controller', $t->controller_command('--cert', $pem[0], '--key', $pem[1]));
  ok($t->until(30, sub { $t->log('controller') =~ /serving on/ }), 'a controller with TLS');
  all_refused($t, 'tls');
}
done_testing;
