"""Maps of models.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-28
"""
from alembic import op
import sqlalchemy as sa


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('maps',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('model_id', sa.String(length=150), nullable=False),
    sa.Column('study', sa.String(length=100), nullable=False),
    sa.Column('scenario', sa.String(length=200), nullable=True),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('job_key', sa.String(length=200), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['model_id'], ['model_versions.id'], name=op.f('fk_maps_model_id_model_versions')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_maps'))
    )
    with op.batch_alter_table('maps', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_maps_created_at'), ['created_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_maps_model_id'), ['model_id'], unique=False)


def downgrade():
    with op.batch_alter_table('maps', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_maps_model_id'))
        batch_op.drop_index(batch_op.f('ix_maps_created_at'))

    op.drop_table('maps')
