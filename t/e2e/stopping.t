#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# SIGTERM while a thread of the pool works for a request: a policy with long tests, types that a slow
# runner describes, a backup, a simulation, log-ins. The controller ends by itself and well.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use Test::More;

sub slow_runner {
  my ($s) = @_;
  my $path = "$s->{dir}/runner";
  my $real = Sonde::program('sonde-runner');
  open my $f, '>', $path or die $!;
  print $f "#!/bin/sh\n[ -e '$s->{dir}/slow' ] && sleep 1\nexec '$real' \"\$\@\"\n";
  close $f;
  chmod 0700, $path;
  return $path;
}

my $policy = 'return { api = 1, summary = "turns", pick = "round_robin" }';
my $tests  = 'return { { name = "long", given = { { name = "a" }, { name = "b" } }, when = { want = 1 },' .
  ' times = 300000, share = { a = 0.5, b = 0.5 }, within = 0.1 } }';
my @works = (
  [ 'a policy with long tests', PUT => '/v1/policies/mine', { source => $policy, tests => $tests } ],
  [ 'a dry run of a policy', PUT => '/v1/policies/mine?dry=1', { source => $policy, tests => $tests } ],
  [ 'types, described anew', POST => '/v1/plugins/reload' ],
  [ 'a backup', POST => '/v1/backup' ],
  [ 'a simulation', POST => '/v1/policies/least_load/simulate', { nodes => 1000, count => 100000 } ],
  [ 'a log-in', POST => '/v1/auth/login', { name => 'ada', password => 'not this one' } ],
);
for my $work (@works) {
  my ($what, @request) = @$work;
  my $s = Sonde->new;
  $s->start_controller('--runner', slow_runner($s));
  open my $f, '>', "$s->{dir}/slow" or die $!;
  close $f;
  $s->post('/v1/users', { name => 'ada', password => 'correct horse', role => 'user' });
  my $waits = $s->ask(@request);
  # The next one is answered after it was read; what it asked for still works.
  is($s->get('/health')->{status}, 200, "$what: asked");
  is($s->kill('controller', 'TERM'), 0, "$what: the controller ended well")
    or diag($s->log('controller'));
  close $waits;
}
done_testing;
