"""Rollouts.

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-29
"""
from alembic import op
import sqlalchemy as sa


revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('rollouts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('study_id', sa.Integer(), nullable=False),
    sa.Column('species_id', sa.Integer(), nullable=False),
    sa.Column('candidate_id', sa.String(length=150), nullable=False),
    sa.Column('active_id', sa.String(length=150), nullable=False),
    sa.Column('mode', sa.String(length=10), nullable=False),
    sa.Column('percent', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=10), server_default='running', nullable=False),
    sa.Column('revision', sa.Integer(), server_default='1', nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('measured_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('evidence', sa.Double(), server_default='0', nullable=False),
    sa.Column('judged', sa.JSON(), nullable=False),
    sa.CheckConstraint("mode IN ('share', 'shadow')", name=op.f('ck_rollouts_mode')),
    sa.CheckConstraint("state IN ('running', 'stopped', 'promoted', 'replaced')", name=op.f('ck_rollouts_state')),
    sa.ForeignKeyConstraint(['active_id'], ['model_versions.id'], name=op.f('fk_rollouts_active_id_model_versions')),
    sa.ForeignKeyConstraint(['candidate_id'], ['model_versions.id'], name=op.f('fk_rollouts_candidate_id_model_versions')),
    sa.ForeignKeyConstraint(['species_id'], ['species.id'], name=op.f('fk_rollouts_species_id_species')),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_rollouts_study_id_studies')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rollouts'))
    )
    with op.batch_alter_table('rollouts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_rollouts_species_id'), ['species_id'], unique=False)
        batch_op.create_index('ix_rollouts_study_id_id', ['study_id', 'id'], unique=False)
        batch_op.create_index('ix_rollouts_running_study', ['study_id'], unique=True, sqlite_where=sa.text("state = 'running'"), postgresql_where=sa.text("state = 'running'"))
    op.create_table('rollout_counts',
    sa.Column('rollout_id', sa.Integer(), nullable=False),
    sa.Column('arm', sa.String(length=10), nullable=False),
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('amount', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['rollout_id'], ['rollouts.id'], name=op.f('fk_rollout_counts_rollout_id_rollouts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('rollout_id', 'arm', 'name', name=op.f('pk_rollout_counts'))
    )


def downgrade():
    op.drop_table('rollout_counts')
    with op.batch_alter_table('rollouts', schema=None) as batch_op:
        batch_op.drop_index('ix_rollouts_running_study')
        batch_op.drop_index('ix_rollouts_study_id_id')
        batch_op.drop_index(batch_op.f('ix_rollouts_species_id'))
    op.drop_table('rollouts')
