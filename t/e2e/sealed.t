#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What is sensitive of a node: shown to who may see it, in no file of the controller, read again after a
# restart with the same secret, and lost without it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use Test::More;

my %fact = (contact => 'ring Zaphod 555-0100', remarks => 'key under the Trillian pot');
my $address = '198.51.100.77';
my $s = Sonde->new;
$s->start_controller;
is($s->post('/v1/users', { name => 'marvin', password => 'brain the size' })->{status}, 201, 'a user');
my $user = $s->post('/v1/auth/login', { name => 'marvin', password => 'brain the size' })->{json}{token};
my ($node) = $s->start_nodes('eu');
my $r = $s->patch("/v1/nodes/$node", { %fact, owner => 'marvin' });
is($r->{status}, 200, 'an operator says it') or diag $r->{content};
is($r->{json}{$_}, $fact{$_}, "and sees $_") for sort keys %fact;
is($s->patch("/v1/nodes/$node", { remarks => 'x' x 2049 })->{status}, 400, 'remarks have an end');
my $owner = $s->node($node)->{owner};
ok($owner, 'it has an owner');
$r = $s->get("/v1/nodes/$node", token => $user);
is($r->{status}, 200, 'a user sees the node');
unlike($r->{content}, qr/Zaphod|Trillian|\Q$owner\E/, 'and nothing of that');
unlike($s->get('/v1/probes', token => undef)->{content}, qr/Zaphod|Trillian/, 'nor does anybody');

sub files_with {
  my ($text) = @_;
  my $found = 0;
  for my $file (glob("$s->{dir}/controller/* $s->{dir}/controller/*/* $s->{dir}/controller.log")) {
    open my $f, '<:raw', $file or next;
    local $/;
    $found++ if (<$f> // '') =~ /\Q$text\E/;
  }
  return $found;
}
is($s->kill('controller', 'TERM'), 0, 'the controller stops');
is(files_with($fact{$_}), 0, "no file holds the $_") for sort keys %fact;
ok(files_with($node), 'though one holds its name');
$s->start_controller;
is($s->node($node)->{$_}, $fact{$_}, "$_ is there after a restart") for sort keys %fact;
is($s->node($node)->{owner}, $owner, 'and its owner');
is($s->patch("/v1/nodes/$node", { contact => '' })->{status}, 200, 'one is taken away');
is($s->node($node)->{remarks}, $fact{remarks}, 'the other stays');

$s->kill('controller', 'TERM');
rename "$s->{dir}/controller/secret", "$s->{dir}/secret.kept" or die $!;
$s->start_controller;
my $bare = $s->node($node);
is($bare->{remarks}, undef, 'without the secret it cannot be read');
like($s->log('controller'), qr/what is sensitive of \Q$node\E was encrypted with another secret/,
  'which the log says');
ok($bare, 'the node itself is there');
$s->wait_online($node);
pass('and works');
done_testing;
