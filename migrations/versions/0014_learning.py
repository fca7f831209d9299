"""Learning from accepted observations, and refused requests by person.

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-29
"""
from alembic import op
import sqlalchemy as sa


revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('study_learning',
    sa.Column('study_id', sa.Integer(), nullable=False),
    sa.Column('is_on', sa.Boolean(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_study_learning_study_id_studies'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('study_id', name=op.f('pk_study_learning'))
    )
    # without batches, so that SQLite does not copy the tables
    op.add_column('observations', sa.Column('learned', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('monthly_usage', sa.Column('refused', sa.BigInteger(), server_default='0', nullable=False))


def downgrade():
    with op.batch_alter_table('monthly_usage', schema=None) as batch_op:
        batch_op.drop_column('refused')
    with op.batch_alter_table('observations', schema=None) as batch_op:
        batch_op.drop_column('learned')
    op.drop_table('study_learning')
