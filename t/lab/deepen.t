#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# In the lab: a target that loses every packet raises a problem, and mtr from the same node looks at the
# way there: it sees the routers before the silence.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Lab qw(enter netns);
use Sonde;
use JSON::PP;
use Test::More;

enter('srv');

my $s = Sonde->new(host => '10.77.4.2', port => 8756);
open my $f, '>', "$s->{dir}/controller.yaml" or die $!;
print $f <<'YAML';
verdicts: [verdict_threshold]
verdict_params: '{"verdict_threshold":{"loss":50,"least":2,"deepen":"mtr"}}'
YAML
close $f or die $!;
$s->start_controller('--config', "$s->{dir}/controller.yaml");
$s->start_node('us', netns => netns('us'), flags => { region => 'us' });
$s->wait_online('us');

sub schedule {
  my ($name, $target) = @_;
  my $r = $s->post('/v1/schedules', { name => $name, type => 'ping', target => $target, nodes => [ 'us' ],
    interval => '2s', measurementOptions => { packets => 2, interval => '100ms' } });
  is($r->{status}, 201, "a schedule: $name") or diag $r->{content};
}
sub problems { return @{ $s->get('/v1/problems')->{json} || [] } }

schedule('alive', 'target.lab.test');
schedule('dark', 'dark.lab.test');
ok($s->until(60, sub { problems() }), 'loss raises a problem') or diag $s->log('controller');
my ($p) = problems();
like($p->{text}, qr/^dark from us: 100 % lost in the last \d+ results$/, 'of the silent target');
my ($deep) = @{ $p->{measurements} };
ok($deep, 'something looks deeper') or BAIL_OUT('nothing to look at');
my $m = $s->finished($deep, 90);
is($m->{type}, 'mtr', 'mtr does');
is($m->{target}, 'dark.lab.test', 'at the same target');
is(join(' ', map { $_->{probe}{name} } @{ $m->{results} }), 'us', 'from the same node');
my $result = $m->{results}[0]{result};
is($result->{status}, 'finished', 'it finished') or diag encode_json($result);
my @hops = grep { $_->{resolvedAddress} } @{ $result->{hops} };
cmp_ok(scalar @hops, '>=', 1, 'and saw routers on the way') or diag encode_json($result);
isnt($hops[-1]{resolvedAddress}, $result->{resolvedAddress}, 'the last one that answers is not the target');
is(scalar problems(), 1, 'the target that answers has no problem');
done_testing;
