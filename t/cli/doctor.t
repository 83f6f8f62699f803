#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# sonde doctor: each thing that can be wrong is made wrong, and the line of it says so and how to mend it.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Path qw(make_path);
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use JSON::PP;
use Sonde;
use Test::More;

my $src = abs_path($ENV{top_srcdir} || '.');
my $bld = abs_path($ENV{top_builddir} || '.');
my $s = Sonde->new;
my $state = "$s->{dir}/controller";
my $yaml = "$s->{dir}/controller.yaml";

sub config {
  my (%o) = @_;
  my %all = (listen => "$s->{host}:$s->{port}", state => $state, plugins => $s->{plugins},
    runner => "$bld/sonde-runner", policies => "$src/policies", lua => "$src/lua", web => "$src/web/plain", %o);
  open my $f, '>', $yaml or die $!;
  print $f "$_: \"$all{$_}\"\n" for sort grep { defined $all{$_} } keys %all;
  close $f;
}
# The lines by what they are about; the exit code is one of them.
sub doctor {
  my (@args) = @_;
  my ($rc, $out, $err) = $s->cli('doctor', '--config', $yaml, @args);
  my %lines = (rc => $rc, all => "$out$err");
  for (split /\n/, $out) {
    my ($v, $what, $text) = /^(ok|warn|FAIL) +(\w+) +(.+)$/ or fail("a line: $_"), next;
    push @{ $lines{$what} }, "$v $text";
  }
  return \%lines;
}
sub says { my ($l, $what, $like) = @_; like(join("\n", @{ $l->{$what} || [] }), $like, "$what: $like") or diag $l->{all} }

config();
my $l = doctor();
is($l->{rc}, 1, 'nothing runs');
says($l, answers => qr/^FAIL .*start sonde-controller/);
says($l, config => qr/^ok \Q$yaml\E/);
says($l, state => qr/^warn .*No such file/);
says($l, port => qr/^ok .*free/);
says($l, plugins => qr/^ok \d+ in/);

$s->start_controller;
$s->start_nodes('eu');
$l = doctor();
is($l->{rc}, 0, 'all is well') or diag $l->{all};
unlike($l->{all}, qr/^FAIL/m, 'nothing fails');
says($l, answers => qr/^ok/);
says($l, ready => qr/^ok/);
says($l, version => qr/^ok .*as here/);
says($l, token => qr/^ok .*role admin/);
says($l, nodes => qr/^ok 1 online/);
says($l, clock => qr/^ok as the controller/);
says($l, state => qr/^ok/);
says($l, secret => qr/^ok .*copy/);
says($l, store => qr/^ok in use by a controller, \d+ of \d+ readers/);
says($l, port => qr/^ok .*answers/);
says($l, icmp => qr/^(ok|warn)/);
says($l, space => qr/MiB are free/);

subtest 'for programs' => sub {
  my ($rc, $out, $err) = $s->cli(qw(-o json doctor --config), $yaml);
  my $list = eval { decode_json($out) } || [];
  is($rc, 0, 'all is well') or diag $err;
  my %by = map { ($_->{check} => $_) } @$list;
  is_deeply([ sort keys %{ $list->[0] } ], [qw(check fix text verdict)], 'the members of a line');
  is($by{answers}{verdict}, 'ok', 'what it saw itself');
  is($by{store}{verdict}, 'ok', 'and what the program of the controller saw');
  is($by{secret}{fix}, 'keep a copy apart from backups', 'what to do stands apart');
  unlike($by{secret}{text}, qr/keep a copy/, 'and only there');
  my @lines = map { decode_json($_) } split /\n/, ($s->cli(qw(doctor -o jsonl --config), $yaml))[1];
  is_deeply([ map { $_->{check} } @lines ], [ map { $_->{check} } @$list ], 'one line each');
  like(($s->cli(qw(doctor -o csv --config), $yaml))[1], qr/\Acheck,verdict,text,fix\r\nanswers,ok,http/, 'CSV');
  local $s->{token} = 'sonde_nonsense';
  ($rc, $out) = $s->cli(qw(doctor -o json --config), $yaml);
  is($rc, 1, 'the exit code');
  my ($token) = grep { $_->{check} eq 'token' } @{ decode_json($out) };
  is("$token->{verdict}: $token->{fix}", 'FAIL: sonde login, or a new one', 'a failure and its remedy');
};

my $good = $s->{token};
$s->{token} = 'sonde_nonsense';
$l = doctor();
is($l->{rc}, 1, 'a wrong token');
says($l, token => qr/^FAIL .*sonde login/);
$s->{token} = $good;
$s->kill('node-eu', 'TERM');
$s->until(30, sub { $s->node('node-eu')->{status} ne 'online' });
says(doctor(), nodes => qr/^warn none of 1 is online/);

chmod 0644, "$state/secret";
$l = doctor();
says($l, secret => qr/^FAIL .*chmod 600/);
is($l->{rc}, 1, 'which is the exit code');
chmod 0600, "$state/secret";
chmod 0755, $state;
says(doctor(), state => qr/^warn .*chmod 700/);
chmod 0700, $state;
make_path("$s->{dir}/bad");
open my $f, '>', "$s->{dir}/bad/wrong.so" or die $!;
print $f 'no plugin';
close $f;
config(plugins => "$s->{plugins}:$s->{dir}/bad");
says(doctor(), plugins => qr/^warn .*wrong\.so: \S/m);
config(runner => '/nowhere');
says(doctor(), plugins => qr/^FAIL .*--runner/);
config(policies => '/nowhere', web => '/nowhere');
$l = doctor();
says($l, policies => qr{^FAIL /nowhere});
says($l, web => qr{^warn /nowhere});
config(cert => '/nowhere', key => '/nowhere');
says(doctor(), tls => qr{^FAIL /nowhere: No such file}m);
config(colour => 'blue');
$l = doctor();
is($l->{rc}, 1, 'a wrong configuration');
says($l, config => qr/^FAIL .*controller\.yaml:\d+:\d+: .*colour/);

config();
$s->kill('controller', 'TERM');
my $other = IO::Socket::INET->new(Listen => 5, LocalAddr => $s->{host}, LocalPort => $s->{port}, ReuseAddr => 1)
  or die "$s->{port}: $!";
my $pid = fork() // die;
if (!$pid) { alarm 60; while (my $c = $other->accept) { print $c "HTTP/1.1 418 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; close $c } POSIX::_exit(0) }
close $other;
$l = doctor();
says($l, answers => qr/^FAIL .*418.*is that a controller/);
says($l, port => qr/^FAIL .*taken by another program/);
says($l, store => qr/^ok not in use/);
kill 'KILL', $pid;
waitpid $pid, 0;
open $f, '>', "$state/state.mdb" or die $!;
print $f 'nonsense' x 4096;
close $f;
says(doctor(), store => qr/^FAIL .*sonde restore/);
done_testing;
