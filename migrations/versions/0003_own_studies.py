"""Studies of users' own data: recipes and files.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-28
"""
from alembic import op
import sqlalchemy as sa


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('study_recipes',
    sa.Column('study_id', sa.Integer(), nullable=False),
    sa.Column('recipe', sa.JSON(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_study_recipes_study_id_studies'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('study_id', name=op.f('pk_study_recipes'))
    )
    op.create_table('study_files',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('study_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=150), nullable=False),
    sa.Column('name_key', sa.String(length=450), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('stamp', sa.BigInteger(), nullable=False),
    sa.Column('report', sa.JSON(), nullable=False),
    sa.Column('uploaded_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['study_id'], ['study_recipes.study_id'], name=op.f('fk_study_files_study_id_study_recipes'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_study_files')),
    sa.UniqueConstraint('study_id', 'name_key', name=op.f('uq_study_files_study_id_name_key'))
    )
    with op.batch_alter_table('study_files', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_study_files_sha256'), ['sha256'], unique=False)
        batch_op.create_index(batch_op.f('ix_study_files_study_id'), ['study_id'], unique=False)


def downgrade():
    with op.batch_alter_table('study_files', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_study_files_study_id'))
        batch_op.drop_index(batch_op.f('ix_study_files_sha256'))

    op.drop_table('study_files')
    op.drop_table('study_recipes')
