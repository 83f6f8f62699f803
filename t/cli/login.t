#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# sonde login, contexts and users, as typed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Test::More;

my $s = Sonde->new;
$s->start_controller;
my $admin = $s->{token};
$ENV{XDG_CONFIG_HOME} = "$s->{dir}/config";
mkdir $ENV{XDG_CONFIG_HOME};
my $file = "$s->{dir}/password";
open my $f, '>', $file or die $!;
print $f "secret of ida\n";
close $f;

my ($rc, $out, $err) = $s->cli('user', 'add', 'ida', '--role', 'admin', '--password-file', $file);
is($rc, 0, 'user add') or diag $err;
like($out, qr/^ida +admin +free/m, 'shows the user');
$s->{token} = '';
($rc, $out, $err) = $s->cli('whoami');
is($rc, 4, 'nobody yet');
($rc, $out, $err) = $s->cli('login', 'ida', '--password-file', $file, '--context', 'work');
is($rc, 0, 'login') or diag $err;
like($out, qr/as ida \(admin\)/, 'says as whom');
my $contexts = "$s->{dir}/config/sonde/contexts.json";
is((stat $contexts)[2] & 07777, 0600, 'the session is 0600');
like(($s->cli('whoami'))[1], qr/^ida +admin/m, 'whoami');
like(($s->cli('user', 'ls'))[1], qr/^ida +admin/m, 'user ls');
like(($s->cli('context', 'ls'))[1], qr/^work +(true|yes) +http/m, 'context ls');

sub edit {
  my ($change) = @_;
  open my $in, '<', $contexts or die $!;
  my $doc = decode_json(do { local $/; <$in> });
  $change->($doc->{contexts}{work});
  open my $to, '>', $contexts or die $!;
  print $to encode_json($doc);
  close $to;
  return $doc->{contexts}{work}{refreshToken};
}
my $was = edit(sub { $_[0]{expires} = 1 });
my @pids = map {
  my $pid = fork() // die;
  POSIX::_exit(($s->cli('whoami'))[0]) if !$pid;
  $pid;
} 1 .. 4;
is(scalar(grep { waitpid($_, 0); $? } @pids), 0, 'four commands at once refresh an old session once');
isnt(edit(sub { }), $was, 'and keep the new tokens');

($rc, $out) = $s->cli('user', 'tokens', '--create', 'ci', '--scopes', 'read', '-o', 'json');
my $token = decode_json($out)->{token};
like($token, qr/^pat_/, 'user tokens --create');
like(($s->cli('user', 'tokens'))[1], qr/ci$/m, 'user tokens');
($rc, $out, $err) = $s->cli('user', 'credits', 'ida', '--grant', 5, '--note', 'thanks');
is($rc, 0, 'user credits --grant') or diag $err;
like(($s->cli('user', 'credits'))[1], qr/ida has 5 credits.*grant +5 +thanks/s, 'user credits');
($rc, $out, $err) = $s->cli('user', 'set', 'ida', 'password=x');
is($rc, 2, 'no password in arguments');
like(($s->cli('limits'))[1], qr/user/, 'limits');
like(($s->cli('audit'))[1], qr{/v1/users/ida/credits}, 'audit');
{
  my $elsewhere = Sonde->new;
  my ($rc) = $elsewhere->cli('whoami');
  is($rc, 7, 'another address is not there');
}
like(($s->cli('whoami'))[1], qr/^NAME .* CONTROLLER\nida .* \Q@{[ $s->url ]}\E$/m, 'whoami says of which controller');
($rc, $out, $err) = $s->cli('logout');
is($rc, 0, 'logout');
is($out, 'logged out of ' . $s->url . "\n", 'says so');
is(($s->cli('whoami'))[0], 4, 'nobody again');
is(($s->cli('logout'))[0], 4, 'no session to end');
my ($code, undef, $why) = $s->cli('--context', 'nowhere', 'node', 'ls');
is("$code$why", "5sonde: there is no context 'nowhere'; see sonde context ls\n", 'a context that is not known');
is(($s->cli('login', 'ida', '--password-file', $file, '--context', 'work'))[0], 0, 'once more');
edit(sub { $_[0]{expires} = 1; $_[0]{refreshToken} = 'rt_old' });
($rc, $out, $err) = $s->cli('whoami');
is($rc, 4, 'a session that has ended');
is($err, "sonde: Unauthorized. The session has ended: log in again with sonde login ida\n", 'in one sentence');
is(($s->cli('context', 'rm', 'work'))[0], 0, 'context rm');
is(($s->cli('context', 'use', 'work'))[0], 5, 'which is gone');
is($s->get('/v1/nodes', token => $token)->{status}, 200, 'an API token outlives the session');
done_testing;
