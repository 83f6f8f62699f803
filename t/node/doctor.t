#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# sonde-node doctor: each thing that can be wrong is made wrong, and the line of it says so and how to mend
# it; it leaves nothing behind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use POSIX ();
use Sonde;
use Test::More;

umask 022; # a file that others can read is one of the cases
my $s = Sonde->new;
my $state = "$s->{dir}/state";

# The lines by what they are about; the exit code and all of it beside them.
sub doctor {
  my (%o) = @_;
  my %flags = (controller => $s->url, state => $state, plugins => $s->{plugins},
    runner => Sonde::program('sonde-runner'), %o);
  my $pid = open(my $in, '-|') // die "fork: $!";
  if (!$pid) {
    open STDERR, '>&', \*STDOUT;
    exec Sonde::program('sonde-node'), 'doctor', map { ("--$_", $flags{$_}) } sort grep { defined $flags{$_} } keys %flags
      or POSIX::_exit(127);
  }
  my %lines = (all => join '', <$in>);
  close $in;
  $lines{rc} = $? >> 8;
  for (split /\n/, $lines{all}) {
    my ($v, $what, $text) = /^(ok|warn|FAIL) +(\w+) +(.+)$/ or fail("a line: $_"), next;
    push @{ $lines{$what} }, "$v $text";
  }
  return \%lines;
}
sub says { my ($l, $what, $like) = @_; like(join("\n", @{ $l->{$what} || [] }), $like, "$what: $like") or diag $l->{all} }

my $l = doctor();
is($l->{rc}, 1, 'no controller');
says($l, answers => qr/^FAIL .*; start sonde-controller/);
says($l, state => qr/^warn .*No such file.*; the first start makes it/);
ok(!-e $state, 'but the doctor does not');
says($l, key => qr/^warn not enrolled yet; sonde token create/);

$s->start_controller;
mkdir $state, 0700;
open my $f, '>', "$s->{dir}/token" or die $!;
print $f $s->registration_token, "\n";
close $f;
says(doctor('token-file' => "$s->{dir}/token"), key => qr/^FAIL .*can be read by others .*; chmod 600/);
chmod 0600, "$s->{dir}/token";
$l = doctor('token-file' => "$s->{dir}/token");
is($l->{rc}, 0, 'a machine on which a node can run') or diag $l->{all};
says($l, config => qr/^ok/);
says($l, state => qr/^ok \Q$state\E$/);
says($l, answers => qr/^ok \Q@{[ $s->url ]}\E/);
says($l, key => qr/^ok not enrolled yet, .*\Q$s->{dir}\E\/token/);
says($l, plugins => qr/^ok \d+ in/);
says($l, space => qr/MiB are free/);
says($l, $_ => qr/^(ok|warn) \S/) for qw(icmp ipv6 resolver names time limits jail);
says(doctor('token-file' => '/nowhere'), key => qr{^FAIL .*/nowhere: No such file.*; mend --token-file});
is(scalar @{ $s->get('/v1/nodes')->{json} }, 0, 'nothing was enrolled');

says(doctor(plugins => '/nowhere'), plugins => qr/^FAIL 0 in .*; mend --plugins.*\nwarn .*no such directory/);
says(doctor(runner => '/nowhere'), plugins => qr{^FAIL /nowhere: No such file.*; mend --runner});
open $f, '>', "$s->{plugins}/wrong.so" or die $!;
print $f 'no plugin';
close $f;
says(doctor(), plugins => qr/^warn .*wrong\.so: \S/m);
unlink "$s->{plugins}/wrong.so";
chmod 0755, $state;
says(doctor(), state => qr/^warn .*; chmod 700/);
chmod 0700, $state;
says(doctor(state => "$s->{dir}/token"), state => qr/^FAIL .*no directory; name another/);
says(doctor('spool-max-bytes' => 1 << 40), space => qr/^warn .*; make room, or lower --spool-max-bytes/);
says(doctor('self-test-name' => 'nobody.invalid'), names => qr/^FAIL nobody\.invalid: .*; mend/);
my $dead = Sonde::free_port();
says(doctor('uplink-targets' => "127.0.0.1:$dead"), uplink => qr/^warn 0 of 1 targets answer/);
says(doctor('uplink-targets' => "127.0.0.1:$s->{port}"), uplink => qr/^ok 1 of 1/);
$l = doctor(colour => 'blue');
is($l->{rc}, 1, 'a wrong option');
says($l, config => qr/^FAIL .*colour/);
says(doctor(controller => 'sonde.example'), config => qr/^FAIL .*http:/);

subtest 'a certificate nobody signed' => sub {
  plan skip_all => 'there is no openssl' if system 'openssl version >/dev/null 2>&1';
  my ($cert, $key) = map { "$s->{dir}/$_.pem" } qw(cert key);
  system "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost " .
    "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout $key -out $cert 2>/dev/null";
  my $port = Sonde::free_port();
  my $server = fork() // die;
  if (!$server) {
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    exec qw(openssl s_server -quiet -www -accept), $port, '-cert', $cert, '-key', $key or POSIX::_exit(127);
  }
  $s->until(20, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });
  says(doctor(controller => "https://127.0.0.1:$port"), answers => qr/^FAIL .*; .*--ca-file/);
  unlike(join('', @{ doctor(controller => "https://127.0.0.1:$port", 'ca-file' => $cert)->{answers} }),
    qr/--ca-file/, 'with its file it is trusted');
  kill 'KILL', $server;
  waitpid $server, 0;
};

$s->start_nodes('eu');
$l = doctor(state => "$s->{dir}/node-eu");
says($l, key => qr/^ok enrolled as \S+$/);
says($l, state => qr/^ok .*in use by a node/);
$s->kill('node-eu', 'TERM');
chmod 0644, "$s->{dir}/node-eu/node.key";
says(doctor(state => "$s->{dir}/node-eu"), key => qr/^FAIL .*; .*chmod 600/);
done_testing;
