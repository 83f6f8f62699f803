#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A new version of a policy on trial: it decides beside the active one, which goes on deciding alone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use Test::More;

my $s = Sonde->new;
$s->start_controller;
my @names = $s->start_nodes(qw(eu us));
sub choosing { return "return { api = 1, summary = 's', pick = function(req, set, view) return lb.equal(set, view.region, '$_[0]'), '$_[0]' end }" }
sub one { return $s->measure({ type => 'echo', target => 'x', limit => 1, policy => 'here' }) }

is($s->put('/v1/policies/here?shadow=1', { source => choosing('us') })->{status}, 404,
  'nothing to be a shadow of');
is($s->put('/v1/policies/here', { source => choosing('eu') })->{json}{version}, 1, 'the active one');
open my $f, '>', "$s->{dir}/here.lua" or die $!;
print $f choosing('us');
close $f;
my ($rc, $out, $err) = $s->cli(qw(policy apply --shadow), "$s->{dir}/here.lua");
is($rc, 0, 'policy apply --shadow') or diag $err;
is($out, "here decides beside the active version now\n", 'says what it did');
for (1 .. 5) {
  my $m = one();
  is_deeply([ $m->{placement}{reason}, $m->{results}[0]{probe}{region} ], [ 'eu', 'eu' ], 'the active one decides');
}
($rc, $out) = $s->cli(qw(policy show here));
like($out, qr/^-- shadow: 5 decisions, 5 differ, 0 faults/m, 'policy show counts');
like($out, qr/^--   echo x: node-us instead of node-eu$/m, 'and says what differs');
like($s->get('/metrics')->{content}, qr/^sonde_policy_shadow_differs_total\{policy="here"\} 5$/m, 'metrics');
my $p = $s->get('/v1/policies/here')->{json};
is($p->{version}, 1, 'the version is the active one');
is($s->put('/v1/policies/here?shadow=1', { source => 'return {' })->{status}, 422, 'a broken one is refused');
is($s->get('/v1/policies/here')->{json}{shadow}{decisions}, 5, 'and the shadow before goes on');
$s->put('/v1/policies/here?shadow=1', { source =>
  "return { api = 1, summary = 's', pick = function() error('no') end }" });
is(one()->{placement}{reason}, 'eu', 'a faulty shadow disturbs nothing') for 1 .. 5;
my $shadow = $s->get('/v1/policies/here')->{json}{shadow};
is_deeply([ @{$shadow}{qw(decisions faults)} ], [ 3, 3 ], 'and is asked no more');
like($shadow->{last_error}, qr/^policies\/here\.lua:1: no/, 'its error is told');
is($s->delete('/v1/policies/here/shadow')->{status}, 204, 'it can be ended');
ok(!exists $s->get('/v1/policies/here')->{json}{shadow}, 'and is gone');
$s->put('/v1/policies/here?shadow=1', { source => choosing('us') });
is($s->put('/v1/policies/here', { source => choosing('us') })->{json}{version}, 2, 'applied at last');
is(one()->{placement}{reason}, 'us', 'it decides');
ok(!exists $s->get('/v1/policies/here')->{json}{shadow}, 'and is no shadow any more');
done_testing;
